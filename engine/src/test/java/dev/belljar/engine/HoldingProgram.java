package dev.belljar.engine;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.belljar.Sandbox;
import dev.belljar.spi.Tenant;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A program of its own that makes sandboxes, says {@code ready}, and holds them until its input
 * ends.
 */
final class HoldingProgram implements AutoCloseable {
  private final Process process;

  private HoldingProgram(Process process) {
    this.process = process;
  }

  /** Starts a JVM on the class path of this one and waits until it holds so many sandboxes. */
  static HoldingProgram start(int sandboxes) throws IOException {
    return startWith(Integer.toString(sandboxes));
  }

  /** As above, with a storage open and no sandbox. */
  static HoldingProgram startOver(Path storage) throws IOException {
    return startWith("0", storage.toString());
  }

  private static HoldingProgram startWith(String... arguments) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                HoldingProgram.class.getName()));
    command.addAll(List.of(arguments));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    HoldingProgram program = new HoldingProgram(process);
    BufferedReader said =
        new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8));
    for (String line = said.readLine(); !"ready".equals(line); line = said.readLine()) {
      if (line == null) {
        program.close();
        throw new IOException("the program ended before it was ready");
      }
    }
    return program;
  }

  ProcessHandle handle() {
    return process.toHandle();
  }

  /** Ends it as a user would, and waits. */
  void end() throws IOException {
    process.getOutputStream().close();
    process.onExit().join();
  }

  @Override
  public void close() {
    process.destroyForcibly().onExit().join();
  }

  /** What runs in the other JVM. */
  public static void main(String[] arguments) throws IOException {
    List<Sandbox> held = new ArrayList<>();
    if (arguments.length > 1) {
      LocalEngine.instance().storage(new Tenant("", Optional.of(Path.of(arguments[1]))));
    }
    for (int i = 0; i < Integer.parseInt(arguments[0]); i++) {
      Sandbox sandbox = Sandbox.create();
      sandbox.sh("true").text();
      held.add(sandbox);
    }
    System.out.println("ready");
    int input = System.in.read();
    if (input < 0 && held.size() > 100) {
      throw new IllegalArgumentException("nobody needs so many");
    }
  }
}
