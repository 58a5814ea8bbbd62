package dev.belljar.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The script {@code belljar} at the root, as users start it after a checkout: in a copy of the
 * sources, since it builds them, which must not happen under the feet of the build that runs this
 * test.
 */
@Timeout(180)
class LauncherIT {
  private static final Set<String> LEFT_OUT = Set.of("target", ".git", "node_modules");

  private static Path launcher;

  @TempDir Path directory;

  @BeforeAll
  @Timeout(900)
  static void buildsOnFirstUse(@TempDir Path temporary) throws Exception {
    Path checkout = temporary.resolve("a check out");
    copy(Path.of("..").toRealPath(), checkout);
    launcher = checkout.resolve("belljar");

    Process process = new ProcessBuilder(launcher.toString(), "--version").start();

    assertThat(text(process.errorReader(StandardCharsets.UTF_8)))
        .isEqualTo("belljar: building (first use, about a minute)…\n");
    assertThat(process.waitFor()).isZero();
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
    Path link = Files.createSymbolicLink(directory.resolve("my belljar"), launcher);
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

    interrupt(process);

    assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isEqualTo(130);
    assertThat(text(process.errorReader(StandardCharsets.UTF_8))).isEmpty();
    for (ProcessHandle part : machine) {
      part.onExit().get(10, TimeUnit.SECONDS);
    }
  }

  /** From the shell that looks for a JDK to a program that has been running for a while. */
  @ParameterizedTest
  @ValueSource(ints = {20, 100, 250, 400, 550, 700, 850, 1000, 1200, 1500, 2000})
  void controlCAtAnyMomentEndsItWith130AndLeavesNothing(int millis) throws Exception {
    Process process = start("run", "-c", "sleep 600");
    assertThat(process.waitFor(millis, TimeUnit.MILLISECONDS)).isFalse();
    List<ProcessHandle> machine = process.descendants().toList();

    interrupt(process);

    assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isEqualTo(130);
    // The JDK's own, where it is interrupted before it has started.
    assertThat(text(process.errorReader(StandardCharsets.UTF_8)).lines())
        .allMatch(line -> line.startsWith("Runtime.exit(130) logging failed"));
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
  void outputThatCannotBeWrittenIsSaid() throws Exception {
    var builder = new ProcessBuilder(launcher.toString(), "run", "-c", "echo x");
    builder.redirectOutput(new File("/dev/full"));
    Process process = builder.start();

    assertThat(text(process.errorReader(StandardCharsets.UTF_8)))
        .startsWith("belljar: The output could not be written")
        .hasLineCount(1);
    assertThat(process.waitFor()).isEqualTo(125);
  }

  @Test
  void setupFillsTheCachesOfClassesByWhichRunStartsFastAndLeavesNothing() throws Exception {
    Path temporary = Files.createDirectory(directory.resolve("tmp"));
    var builder = new ProcessBuilder(launcher.toString(), "setup");
    builder.environment().put("TMPDIR", temporary.toString());
    builder.redirectError(ProcessBuilder.Redirect.DISCARD);
    Process process = builder.start();

    assertThat(process.waitFor(170, TimeUnit.SECONDS)).isTrue();

    assertThat(process.exitValue()).isZero();
    assertThat(temporary).isEmptyDirectory();
    assertThat(ProcessHandle.allProcesses().map(ProcessHandle::info))
        .noneMatch(other -> other.commandLine().orElse("").contains(temporary.toString()));
    try (Stream<Path> files = Files.walk(launcher.resolveSibling("cli/target"))) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .contains("belljar.aot", "server.aot", "picocli.jar");
    }
  }

  @Test
  void theDemoRunsFromTheQuestionToThePrice() throws Exception {
    var builder = new ProcessBuilder(launcher.toString(), "demo");
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
    command.add(launcher.toString());
    command.addAll(List.of(args));
    return new ProcessBuilder(command).start();
  }

  private static void interrupt(Process process) throws Exception {
    new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).inheritIO().start().waitFor();
  }

  private static void copy(Path from, Path to) throws IOException {
    Files.walkFileTree(
        from,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path source, BasicFileAttributes attributes)
              throws IOException {
            if (LEFT_OUT.contains(source.getFileName().toString())) {
              return FileVisitResult.SKIP_SUBTREE;
            }
            Files.createDirectories(to.resolve(from.relativize(source)));
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path source, BasicFileAttributes attributes)
              throws IOException {
            Files.copy(
                source, to.resolve(from.relativize(source)), StandardCopyOption.COPY_ATTRIBUTES);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  private static String text(BufferedReader reader) throws IOException {
    var text = new StringWriter();
    reader.transferTo(text);
    return text.toString();
  }
}
