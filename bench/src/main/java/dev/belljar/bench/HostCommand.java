package dev.belljar.bench;

import dev.belljar.engine.vmm.HostTools;
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

/**
 * A command on this host: what an alternative runs.
 *
 * @param words the command and its arguments
 * @param env variables above this process's own
 */
record HostCommand(List<String> words, Map<String, String> env) {

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

  /**
   * The same in bubblewrap: own namespaces, no network, this host's files read-only except those
   * named. Empty where bubblewrap is missing.
   */
  Optional<HostCommand> inBubblewrap(Path... writable) {
    return HostTools.locate("bwrap")
        .map(
            bubblewrap -> {
              List<String> wrapped = new ArrayList<>();
              wrapped.addAll(List.of(bubblewrap.toString(), "--ro-bind", "/", "/"));
              wrapped.addAll(List.of("--dev", "/dev", "--proc", "/proc"));
              for (Path path : writable) {
                wrapped.addAll(List.of("--bind", path.toString(), path.toString()));
              }
              wrapped.addAll(List.of("--unshare-all", "--die-with-parent"));
              wrapped.addAll(words);
              return new HostCommand(wrapped, env);
            });
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

  private ProcessBuilder builder() {
    ProcessBuilder builder =
        new ProcessBuilder(words).redirectInput(Redirect.from(Path.of("/dev/null").toFile()));
    builder.environment().putAll(env);
    return builder;
  }

  private void awaitSuccess(Process process) throws IOException, InterruptedException {
    try {
      int code = process.waitFor();
      if (code != 0) {
        throw new IOException(String.join(" ", words) + " ended with exit code " + code);
      }
    } finally {
      process.destroy();
    }
  }
}
