package dev.belljar.bench;

import dev.belljar.Endpoint;
import dev.belljar.engine.storage.FileTree;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * {@code belljar serve} as a process of its own, on a free port of the loopback, with a data
 * directory that goes with it. Ended by SIGTERM, as an operator ends it.
 */
final class ServerProcess implements AutoCloseable {
  private static final Pattern ENDPOINT = Pattern.compile("DENO_SANDBOX_ENDPOINT=(\\S+)\n");
  private static final Pattern TOKEN = Pattern.compile("DENO_DEPLOY_TOKEN=(\\S+)\n");
  private static final Pattern HEAP =
      Pattern.compile("(?m)^jvm_memory_used_bytes\\{[^}]*area=\"heap\"[^}]*} (\\S+)$");

  private static final Pattern CREATED =
      Pattern.compile("(?m)^belljar_create_seconds_count(?:\\{[^}]*})? (\\S+)$");

  private static final long START_SECONDS = 60;
  private static final long LOOK_AGAIN_MILLIS = 2;

  /** Less than what {@link Unwinding} gives to all. */
  private static final long STOP_SECONDS = 10;

  private static final int LOG_LINES = 20;

  private final Path directory;
  private final Process process;
  private final HttpClient client;
  private Optional<Endpoint> endpoint = Optional.empty();
  private double startMillis;

  private ServerProcess(Path directory, Process process) {
    this.directory = directory;
    this.process = process;
    client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  }

  /**
   * Starts one and waits until it answers.
   *
   * @param launcher Belljar's
   * @param scratch where a directory is made for it
   * @param sandboxes how many it allows at once
   */
  static ServerProcess start(Path launcher, Path scratch, int sandboxes)
      throws IOException, InterruptedException {
    Path directory = Files.createTempDirectory(scratch, "server-");
    Path config =
        Files.writeString(
            directory.resolve("belljar.toml"),
            "drain = \"1s\"\n[limits]\nsandboxes = " + sandboxes + "\n");
    // A session of its own: the terminal's Ctrl-C is for us, who end it then.
    ProcessBuilder builder =
        new ProcessBuilder(
                "setsid",
                launcher.toString(),
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--data",
                data(directory),
                "--config",
                config.toString())
            .redirectInput(Redirect.from(Path.of("/dev/null").toFile()))
            .redirectOutput(directory.resolve("out").toFile())
            .redirectError(directory.resolve("log").toFile());
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    long began = System.nanoTime();
    ServerProcess server = new ServerProcess(directory, builder.start());
    try {
      server.awaitAnswer(began);
      return server;
    } catch (IOException | InterruptedException | RuntimeException e) {
      try {
        server.close();
      } catch (IOException suppressed) {
        e.addSuppressed(suppressed);
      }
      throw e;
    }
  }

  /** For clients. */
  Endpoint endpoint() {
    return endpoint.orElseThrow();
  }

  /** With these variables {@code belljar run} finds it as the server that its user runs. */
  Map<String, String> asOfUser() {
    return Map.of("BELLJAR_DATA", data(directory), "BELLJAR_NO_SERVER", "");
  }

  /** From the start of the process to its first answer. */
  double startMillis() {
    return startMillis;
  }

  /** What it holds, after collecting what nobody refers to. */
  Footprint footprint() throws IOException, InterruptedException {
    double heap = heapMegabytes();
    int files;
    try (Stream<Path> open = Files.list(proc("fd"))) {
      files = Math.toIntExact(open.count());
    }
    return new Footprint(
        heap, Math.toIntExact(status("Threads")), files, status("VmRSS") * 1024 / 1e6);
  }

  /** Of Java's heap, after collecting what nobody refers to. */
  double heapMegabytes() throws IOException, InterruptedException {
    HostCommand collect =
        HostCommand.of(
            Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
            Long.toString(process.pid()),
            "GC.run");
    // The second takes what the first has handed to cleaners.
    collect.run();
    collect.run();
    double bytes = metric(HEAP);
    if (bytes == 0) {
      throw new IOException("The server's metrics do not say what heap it uses.");
    }
    return bytes / 1e6;
  }

  /** How many sandboxes it has made for clients. */
  long created() throws IOException, InterruptedException {
    return (long) metric(CREATED);
  }

  /** The machines that it runs, and what else it has started and not seen end. */
  long children() {
    try (Stream<ProcessHandle> descendants = process.descendants()) {
      return descendants.count();
    }
  }

  /** The last that it said, for whoever looks for a cause. */
  String log() throws IOException {
    List<String> lines = Files.readAllLines(directory.resolve("log"));
    return String.join("\n", lines.subList(Math.max(0, lines.size() - LOG_LINES), lines.size()));
  }

  /**
   * Ends it and removes its files.
   *
   * @throws IOException where it did not end as it should
   */
  @Override
  public void close() throws IOException {
    boolean interrupted = Thread.interrupted();
    client.shutdownNow();
    boolean ended = false;
    try {
      process.destroy();
      ended = process.waitFor(STOP_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      interrupted = true;
    } finally {
      process.destroyForcibly();
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    List<String> complaints = new ArrayList<>();
    if (!ended) {
      complaints.add("The server did not end within " + STOP_SECONDS + " s of SIGTERM.");
    } else if (process.exitValue() != 0) {
      complaints.add("The server ended with exit code " + process.exitValue() + ":\n" + log());
    }
    FileTree.delete(directory);
    if (!complaints.isEmpty()) {
      throw new IOException(complaints.getFirst());
    }
  }

  private void awaitAnswer(long began) throws IOException, InterruptedException {
    long until = began + TimeUnit.SECONDS.toNanos(START_SECONDS);
    while (endpoint.isEmpty()) {
      if (!process.isAlive()) {
        throw new IOException("The server did not start:\n" + log());
      }
      if (System.nanoTime() > until) {
        throw new IOException("The server did not start in " + START_SECONDS + " s:\n" + log());
      }
      Thread.sleep(LOOK_AGAIN_MILLIS);
      String said = Files.readString(directory.resolve("out"));
      Matcher url = ENDPOINT.matcher(said);
      Matcher token = TOKEN.matcher(said);
      if (url.find() && token.find()) {
        endpoint = Optional.of(Endpoint.of(url.group(1), token.group(1)));
      }
    }
    HttpResponse<String> answer = get("/healthz");
    if (answer.statusCode() != 200) {
      throw new IOException("The server is not well: " + answer.body());
    }
    startMillis = (System.nanoTime() - began) / 1e6;
  }

  /** The sum of the lines of that kind; 0 where there is none. */
  private double metric(Pattern lines) throws IOException, InterruptedException {
    double sum = 0;
    Matcher line = lines.matcher(get("/metrics").body());
    while (line.find()) {
      sum += Double.parseDouble(line.group(1));
    }
    return sum;
  }

  private HttpResponse<String> get(String path) throws IOException, InterruptedException {
    URI uri = endpoint().sandboxes().resolve(path);
    HttpRequest request =
        HttpRequest.newBuilder(uri).timeout(Duration.ofSeconds(START_SECONDS)).build();
    return client.send(request, HttpResponse.BodyHandlers.ofString());
  }

  private long status(String line) throws IOException {
    for (String text : Files.readAllLines(proc("status"))) {
      if (text.startsWith(line + ":")) {
        return Long.parseLong(text.replaceAll("[^0-9]", ""));
      }
    }
    throw new IOException("There is no line " + line + " in " + proc("status"));
  }

  private static String data(Path directory) {
    return directory.resolve("data").toString();
  }

  private Path proc(String name) {
    return Path.of("/proc", Long.toString(process.pid()), name);
  }
}
