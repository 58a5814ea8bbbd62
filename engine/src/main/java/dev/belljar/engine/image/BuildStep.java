package dev.belljar.engine.image;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * One script of a recipe, run on this host: its {@code ==>} lines are progress, the end of what
 * else it says is the error.
 */
final class BuildStep {
  private static final String STEP = "==> ";
  private static final int LINES_KEPT = 20;
  private static final int LONGEST_LINE = 500;
  private static final Path SETPRIV = Path.of("/usr/bin/setpriv");

  private BuildStep() {}

  static void run(Path script, Consumer<String> progress, Path... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    if (Files.isExecutable(SETPRIV)) {
      // So that a build does not outlive a process that is killed.
      command.addAll(List.of(SETPRIV.toString(), "--pdeathsig", "TERM"));
    }
    command.addAll(List.of("bash", script.toString()));
    for (Path argument : arguments) {
      command.add(argument.toString());
    }
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectInput(Path.of("/dev/null").toFile())
            .start();
    Thread stop = new Thread(process::destroy, "belljar-build-stop");
    Runtime.getRuntime().addShutdownHook(stop);
    try {
      ArrayDeque<String> said = new ArrayDeque<>();
      try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
        String line;
        while ((line = lines.readLine()) != null) {
          if (line.startsWith(STEP)) {
            progress.accept(line.substring(STEP.length()));
          } else if (!line.isBlank()) {
            if (said.size() == LINES_KEPT) {
              said.remove();
            }
            said.add(line.length() > LONGEST_LINE ? line.substring(0, LONGEST_LINE) + "…" : line);
          }
        }
      }
      int exit = process.waitFor();
      if (exit != 0) {
        throw new BuildFailedException(
            script.getFileName()
                + " failed with exit code "
                + exit
                + ":\n  "
                + String.join("\n  ", said));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("The build was interrupted.");
    } finally {
      process.destroy();
      removeHook(stop);
    }
  }

  private static void removeHook(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The process is ending, and the hook with it.
    }
  }
}
