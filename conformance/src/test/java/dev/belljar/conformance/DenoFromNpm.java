package dev.belljar.conformance;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Deno and the official client, installed from npm as the lock file says, and nothing else. */
final class DenoFromNpm {
  private static final Duration PATIENCE = Duration.ofMinutes(10);

  private final Path module;
  private final Path cache;

  private DenoFromNpm(Path module, Path cache) {
    this.module = module;
    this.cache = cache;
  }

  /**
   * What a program printed.
   *
   * @param exit its exit code
   */
  record Run(int exit, String out, String err) {}

  /**
   * Has npm install what the lock file of {@code module} names, unless that was done.
   *
   * @param work for what Deno caches and programs print
   * @throws AssertionError where npm is missing or cannot reach its registry
   */
  static DenoFromNpm install(Path module, Path work) throws IOException, InterruptedException {
    var deno = new DenoFromNpm(module, Files.createDirectories(work));
    Path stamp = module.resolve("node_modules/.installed");
    String lock = digest(module.resolve("package-lock.json"));
    if (!Files.exists(stamp) || !Files.readString(stamp).equals(lock)) {
      deno.npm();
      Files.writeString(stamp, lock);
    }
    return deno;
  }

  private void npm() throws IOException, InterruptedException {
    String hint =
        "The conformance tests need npm on the PATH and npm's registry within reach, because the"
            + " official client and Deno come from there. Leave them out with: -pl '!conformance'";
    Run run;
    try {
      run = run(List.of("npm", "ci", "--ignore-scripts"), Map.of(), PATIENCE);
    } catch (IOException e) {
      throw new AssertionError("npm cannot be started: " + e.getMessage() + ". " + hint, e);
    }
    if (run.exit() != 0) {
      throw new AssertionError("npm ci failed:\n" + run.out() + run.err() + "\n" + hint);
    }
  }

  /** Runs a program of the module with those variables, and no other of Deno's. */
  Run deno(Duration limit, Map<String, String> environment, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(module.resolve("node_modules/@deno/linux-x64-glibc/deno").toString());
    command.addAll(List.of("run", "-A", "--no-remote"));
    command.addAll(List.of(arguments));
    return run(command, environment, limit);
  }

  private Run run(List<String> command, Map<String, String> environment, Duration limit)
      throws IOException, InterruptedException {
    Path out = Files.createTempFile(cache, "out", ".txt");
    Path err = Files.createTempFile(cache, "err", ".txt");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(module.toFile())
            .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
            .redirectOutput(out.toFile())
            .redirectError(err.toFile());
    Map<String, String> variables = builder.environment();
    variables.keySet().removeIf(name -> name.startsWith("DENO_") || name.startsWith("ANTHROPIC_"));
    variables.put("DENO_DIR", cache.resolve("deno").toString());
    variables.put("DENO_NO_UPDATE_CHECK", "1");
    variables.put("NO_COLOR", "1");
    variables.putAll(environment);
    Process process = builder.start();
    try {
      boolean ended = process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
      String printed = text(out);
      String complaints = text(err);
      if (!ended) {
        throw new AssertionError(
            command + " did not end within " + limit + ":\n" + printed + complaints);
      }
      return new Run(process.exitValue(), printed, complaints);
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
      Files.delete(out);
      Files.delete(err);
    }
  }

  /** Programs may print what is no text. */
  private static String text(Path file) throws IOException {
    return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
  }

  private static String digest(Path file) {
    try {
      return HexFormat.of()
          .formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
