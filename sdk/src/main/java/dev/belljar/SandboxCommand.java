package dev.belljar;

import dev.belljar.SpawnOptions.Stdio;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Stream;

/**
 * A shell command, made by {@link Sandbox#sh}: configured by its chained methods, run by {@link
 * #text()}, {@link #lines()}, {@link #bytes()}, {@link #output()} or {@link #spawn()}. Runs under
 * {@code /bin/bash -c}. Not for use by several threads at once.
 */
public final class SandboxCommand {
  private final Sandbox sandbox;
  private final String script;
  private final SpawnOptions.Builder options = SpawnOptions.builder().piped();
  private byte[] input = {};
  private boolean noThrow;

  SandboxCommand(Sandbox sandbox, String script) {
    this.sandbox = sandbox;
    this.script = script;
  }

  /** Quotes text so that a shell reads it as one word. */
  public static String quote(String word) {
    return "'" + word.replace("'", "'\\''") + "'";
  }

  /** Adds an environment variable. */
  public SandboxCommand env(String key, String value) {
    options.env(key, value);
    return this;
  }

  /** The working directory. */
  public SandboxCommand cwd(String directory) {
    options.cwd(directory);
    return this;
  }

  /** Runs it as root. */
  public SandboxCommand sudo() {
    options.user("root");
    return this;
  }

  /** What it reads, as UTF-8. */
  public SandboxCommand stdinText(String text) {
    return stdin(text.getBytes(StandardCharsets.UTF_8));
  }

  /** What it reads. */
  public SandboxCommand stdin(byte[] bytes) {
    input = bytes.clone();
    return this;
  }

  /** Makes an unsuccessful end a result instead of an exception. */
  public SandboxCommand noThrow() {
    noThrow = true;
    return this;
  }

  /**
   * Starts it; stdin, stdout and stderr are piped, and stdin is left to the caller unless text was
   * given.
   *
   * @throws FileSystemOperationException where it cannot be started
   */
  public ChildProcess spawn() {
    ChildProcess child =
        sandbox.spawn("/bin/bash", options.stdin(Stdio.PIPED).args("-c", script).build());
    if (input.length > 0) {
      Thread.ofVirtual().name("stdin of " + child.pid()).start(() -> feed(child));
    }
    return child;
  }

  /**
   * Runs it to its end; what it started in the background and does not print goes on.
   *
   * @throws SandboxCommandException where it ended unsuccessfully and {@link #noThrow()} was not
   *     asked for
   */
  public ChildProcessOutput output() {
    ChildProcessOutput output = toItsEnd(spawn());
    if (!output.status().success() && !noThrow) {
      String complaint = output.stderrText().strip();
      throw new SandboxCommandException(
          "'"
              + abbreviated(script, 200)
              + "' ended with exit code "
              + output.status().code()
              + (complaint.isEmpty() ? "" : ": " + abbreviated(complaint, 1000)),
          output);
    }
    return output;
  }

  /** Closed only where the wait fails: that kills what the command left in the background. */
  private ChildProcessOutput toItsEnd(ChildProcess child) {
    try {
      if (input.length == 0) {
        feed(child);
      }
      return child.output();
    } catch (RuntimeException | Error e) {
      child.close();
      throw e;
    }
  }

  /** Runs it and gives its standard output as UTF-8, as {@link #output()}. */
  public String text() {
    return output().stdoutText();
  }

  /** Runs it and gives the lines of its standard output, as {@link #output()}. */
  public List<String> lines() {
    try (Stream<String> lines = text().lines()) {
      return lines.toList();
    }
  }

  /** Runs it and gives its standard output, as {@link #output()}. */
  public byte[] bytes() {
    return output().stdout();
  }

  private void feed(ChildProcess child) {
    try (OutputStream stdin = child.stdin()) {
      stdin.write(input);
    } catch (IOException e) {
      // The command ended or closed its input before it read all: its own exit code tells.
    }
  }

  private static String abbreviated(String text, int length) {
    return text.length() <= length ? text : text.substring(0, length) + "…";
  }
}
