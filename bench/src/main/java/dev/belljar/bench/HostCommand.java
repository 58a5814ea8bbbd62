package dev.belljar.bench;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * A command on this host: what an alternative runs.
 *
 * @param words the command and its arguments
 * @param env variables above this process's own
 */
record HostCommand(List<String> words, Map<String, String> env) {
  private static final long LONGEST_TRIAL_SECONDS = 20;

  /** What takes longest is npm, which loads Deno once. */
  private static final long LONGEST_MINUTES = 10;

  HostCommand {
    words = List.copyOf(words);
    env = Map.copyOf(env);
  }

  static HostCommand of(String... words) {
    return new HostCommand(List.of(words), Map.of());
  }

  HostCommand withEnv(String key, String value) {
    return new HostCommand(words, Map.of(key, value));
  }

  /** The same behind those words: as what another program is to run. */
  HostCommand after(List<String> before) {
    List<String> all = new ArrayList<>(before);
    all.addAll(words);
    return new HostCommand(all, env);
  }

  /** For people: the program without its directory, and its arguments. */
  String shortly() {
    List<String> shown = new ArrayList<>(words);
    shown.set(0, words.getFirst().substring(words.getFirst().lastIndexOf('/') + 1));
    return String.join(" ", shown);
  }

  /** Runs it as {@link #run} does, and records under that name the milliseconds it took. */
  void time(String name, Recording into) throws IOException, InterruptedException {
    long began = System.nanoTime();
    run();
    into.addMillisSince(name, began);
  }

  /** Runs it to find out whether it works; empty where it does, else the last that it said. */
  Optional<String> complaint() throws IOException, InterruptedException {
    Process process = builder().redirectOutput(Redirect.DISCARD).start();
    try (InputStream err = process.getErrorStream()) {
      if (!process.waitFor(LONGEST_TRIAL_SECONDS, TimeUnit.SECONDS)) {
        return Optional.of("no end within " + LONGEST_TRIAL_SECONDS + " s");
      }
      if (process.exitValue() == 0) {
        return Optional.empty();
      }
      // What it has started may have the pipe, too: its end is not waited for.
      String said = new String(err.readNBytes(err.available()), StandardCharsets.UTF_8);
      return Optional.of(
          said.lines()
              .filter(line -> !line.isBlank())
              .reduce((first, second) -> second)
              .map(String::strip)
              .orElse("exit code " + process.exitValue()));
    } finally {
      process.destroyForcibly();
    }
  }

  /** Runs it to its end, its output thrown away. */
  void run() throws IOException, InterruptedException {
    Process process =
        builder().redirectOutput(Redirect.DISCARD).redirectError(Redirect.DISCARD).start();
    awaitSuccess(process);
  }

  /** Runs it to its end and gives what it printed. */
  String text() throws IOException, InterruptedException {
    Process process = builder().redirectError(Redirect.DISCARD).start();
    try (InputStream out = process.getInputStream()) {
      String text = new String(out.readAllBytes(), StandardCharsets.UTF_8);
      awaitSuccess(process);
      return text;
    } finally {
      process.destroy();
    }
  }

  /** Runs it to its end and throws away, here, what it prints; gives how many bytes that was. */
  long drain() throws IOException, InterruptedException {
    Process process = builder().redirectError(Redirect.DISCARD).start();
    try (InputStream out = process.getInputStream()) {
      long bytes = out.transferTo(OutputStream.nullOutputStream());
      awaitSuccess(process);
      return bytes;
    } finally {
      process.destroy();
    }
  }

  /** Runs it to its end with that input. */
  void feed(byte[] input) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(words)
            .redirectOutput(Redirect.DISCARD)
            .redirectError(Redirect.DISCARD)
            .start();
    try (OutputStream in = process.getOutputStream()) {
      in.write(input);
    } catch (IOException e) {
      process.destroy();
      throw e;
    }
    awaitSuccess(process);
  }

  /** Starts it, with pipes for input and output; whoever has it ends it. */
  Process start() throws IOException {
    return builder().redirectInput(Redirect.PIPE).redirectError(Redirect.DISCARD).start();
  }

  private ProcessBuilder builder() {
    ProcessBuilder builder =
        new ProcessBuilder(words).redirectInput(Redirect.from(Path.of("/dev/null").toFile()));
    builder.environment().putAll(env);
    return builder;
  }

  private void awaitSuccess(Process process) throws IOException, InterruptedException {
    try {
      if (!process.waitFor(LONGEST_MINUTES, TimeUnit.MINUTES)) {
        throw new IOException(shortly() + " did not end within " + LONGEST_MINUTES + " minutes");
      }
      int code = process.exitValue();
      if (code != 0) {
        throw new IOException(String.join(" ", words) + " ended with exit code " + code);
      }
    } finally {
      process.destroy();
    }
  }
}
