package dev.belljar.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The script {@code belljar} at the root, as users start it. */
class LauncherIT {
  private static final Path LAUNCHER = Path.of("..", "belljar").toAbsolutePath().normalize();

  @TempDir Path directory;

  @BeforeAll
  static void built() throws Exception {
    // The first start may build, which is not what the tests below measure.
    Process process = new ProcessBuilder(LAUNCHER.toString(), "--version").inheritIO().start();
    assertThat(process.waitFor(10, TimeUnit.MINUTES)).isTrue();
    assertThat(process.exitValue()).isZero();
  }

  @Test
  void passesArgumentsInputOutputAndStatus() throws Exception {
    Process process = start("run", "-c", "read x; echo \"$x $1\"; echo err >&2; exit 7", "ä ö");
    try (var stdin = process.outputWriter(StandardCharsets.UTF_8)) {
      stdin.write("hello\n");
    }

    assertThat(text(process.inputReader(StandardCharsets.UTF_8))).isEqualTo("hello ä ö\n");
    assertThat(text(process.errorReader(StandardCharsets.UTF_8))).isEqualTo("err\n");
    assertThat(process.waitFor()).isEqualTo(7);
  }

  @Test
  void worksThroughALinkFromAnywhereWithoutALocaleOrAJavaOnThePath() throws Exception {
    Path link = Files.createSymbolicLink(directory.resolve("my belljar"), LAUNCHER);
    var builder = new ProcessBuilder(link.toString(), "run", "-c", "echo \"$1\"", "grüße");
    builder.directory(directory.toFile());
    builder.environment().keySet().removeIf(name -> name.startsWith("LC_") || name.equals("LANG"));
    builder.environment().remove("JAVA_HOME");
    Process process = builder.start();
    process.getOutputStream().close();

    assertThat(text(process.inputReader(StandardCharsets.UTF_8))).isEqualTo("grüße\n");
    assertThat(process.waitFor()).isZero();
  }

  @Test
  void controlCEndsTheSandboxWith130AndLeavesNothing() throws Exception {
    Process process = start("run", "-c", "echo started; sleep 600");
    BufferedReader out = process.inputReader(StandardCharsets.UTF_8);
    assertThat(out.readLine()).isEqualTo("started");
    List<ProcessHandle> machine = process.descendants().toList();
    assertThat(machine).isNotEmpty();

    new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).inheritIO().start().waitFor();

    assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isEqualTo(130);
    assertThat(text(process.errorReader(StandardCharsets.UTF_8))).isEmpty();
    for (ProcessHandle part : machine) {
      part.onExit().get(10, TimeUnit.SECONDS);
    }
  }

  @Test
  void aReaderThatHasEnoughEndsTheProgramQuietly() throws Exception {
    Process process = start("run", "-c", "yes");
    try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
      assertThat(out.readLine()).isEqualTo("y");
    }

    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isEqualTo(141);
    assertThat(text(process.errorReader(StandardCharsets.UTF_8))).isEmpty();
  }

  @Test
  void theDemoRunsFromTheQuestionToThePrice() throws Exception {
    var builder = new ProcessBuilder(LAUNCHER.toString(), "demo");
    builder.environment().keySet().removeIf(name -> name.startsWith("ANTHROPIC_"));
    builder.redirectInput(new File("/dev/null"));
    Process process = builder.start();

    assertThat(text(process.inputReader(StandardCharsets.UTF_8)))
        .startsWith("Output:\n Current Bitcoin price: $");
    assertThat(text(process.errorReader(StandardCharsets.UTF_8))).contains("recorded reply");
    assertThat(process.waitFor()).isZero();
  }

  /** With SIGINT as a terminal would leave it: what starts tests in the background ignores it. */
  private static Process start(String... args) throws IOException {
    List<String> command = new ArrayList<>(List.of("env", "--default-signal=INT"));
    command.add(LAUNCHER.toString());
    command.addAll(List.of(args));
    return new ProcessBuilder(command).start();
  }

  private static String text(BufferedReader reader) throws IOException {
    var text = new StringWriter();
    reader.transferTo(text);
    return text.toString();
  }
}
