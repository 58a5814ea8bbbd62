package dev.belljar.bench;

import dev.belljar.ChildProcess;
import dev.belljar.ChildProcessOutput;
import dev.belljar.Sandbox;
import dev.belljar.SpawnOptions;
import dev.belljar.SpawnOptions.Stdio;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;

/**
 * A command in a sandbox.
 *
 * @param command the program
 * @param args its arguments
 */
record GuestCommand(String command, List<String> args) {

  /** The cheapest there is: its status says that the sandbox answers. */
  static final GuestCommand TRUE = of("/bin/true");

  GuestCommand {
    args = List.copyOf(args);
  }

  static GuestCommand of(String command, String... args) {
    return new GuestCommand(command, List.of(args));
  }

  /** Runs it to its end, its output thrown away in the guest. */
  void run(Sandbox sandbox) throws IOException {
    try (ChildProcess child =
        sandbox.spawn(command, options().stdout(Stdio.NULL).stderr(Stdio.NULL).build())) {
      check(child.status().code(), "");
    }
  }

  /** Runs it to its end and gives what it printed. */
  String text(Sandbox sandbox) throws IOException {
    try (ChildProcess child = sandbox.spawn(command, options().piped().build())) {
      ChildProcessOutput output = child.output();
      check(output.status().code(), output.stderrText());
      return output.stdoutText();
    }
  }

  /** Runs it to its end and throws away, here, what it prints; gives how many bytes that was. */
  long drain(Sandbox sandbox) throws IOException {
    try (ChildProcess child =
            sandbox.spawn(command, options().stdout(Stdio.PIPED).stderr(Stdio.NULL).build());
        InputStream out = child.stdout()) {
      long bytes = out.transferTo(OutputStream.nullOutputStream());
      check(child.status().code(), "");
      return bytes;
    }
  }

  /** Runs it to its end with that input. */
  void feed(Sandbox sandbox, byte[] input) throws IOException {
    SpawnOptions options =
        options().stdin(Stdio.PIPED).stdout(Stdio.NULL).stderr(Stdio.NULL).build();
    try (ChildProcess child = sandbox.spawn(command, options)) {
      try (OutputStream in = child.stdin()) {
        in.write(input);
      }
      check(child.status().code(), "");
    }
  }

  private SpawnOptions.Builder options() {
    return SpawnOptions.builder().args(args);
  }

  private void check(int code, String complaint) throws IOException {
    if (code != 0) {
      throw new IOException(
          (command + " ended with exit code " + code + " in the sandbox. " + complaint).strip());
    }
  }
}
