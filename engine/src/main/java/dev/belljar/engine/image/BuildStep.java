package dev.belljar.engine.image;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Runs the scripts of a recipe on this host: their {@code ==>} lines are progress, the end of what
 * else they say is the error. Each has a session of its own and a pipe from this process, at whose
 * end it ends ({@code lifeline.sh}): whatever ends this process ends it.
 */
final class BuildStep {
  private static final String STEP = "==> ";
  private static final int LINES_KEPT = 20;
  private static final int LONGEST_LINE = 500;

  /** A step gets five seconds to clear up; some more for a host that is busy. */
  private static final int END_SECONDS = 8;

  private final Path lifeline;
  private final Path lock;
  private final Consumer<String> progress;

  /**
   * For the steps of one build.
   *
   * @param lifeline the script of that name
   * @param lock a file that every process of a step holds locked
   */
  BuildStep(Path lifeline, Path lock, Consumer<String> progress) {
    this.lifeline = lifeline;
    this.lock = lock;
    this.progress = progress;
  }

  /** Blocks until no step of a build whose program was killed is left. */
  static void awaitLeftOvers(Path lock, Consumer<String> progress) throws IOException {
    if (run(List.of("flock", "--nonblock", lock.toString(), "true"), progress).exit != 0) {
      progress.accept("Waiting for the end of a build that was interrupted");
      Ended waited = run(List.of("flock", lock.toString(), "true"), progress);
      if (waited.exit != 0) {
        throw new BuildFailedException(lock + " cannot be locked: " + waited.said);
      }
    }
  }

  void run(Path script, Path... arguments) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                "setsid", "bash", lifeline.toString(), lock.toString(), "bash", script.toString()));
    for (Path argument : arguments) {
      command.add(argument.toString());
    }
    Ended ended = run(command, progress);
    if (ended.exit != 0) {
      throw new BuildFailedException(
          script.getFileName() + " failed with exit code " + ended.exit + ":\n  " + ended.said);
    }
  }

  private record Ended(int exit, String said) {}

  private static Ended run(List<String> command, Consumer<String> progress) throws IOException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    Thread stop = new Thread(() -> end(process), "belljar-build-stop");
    try {
      Runtime.getRuntime().addShutdownHook(stop);
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
      return new Ended(process.waitFor(), String.join("\n  ", said));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("The build was interrupted.");
    } catch (IllegalStateException e) {
      throw new InterruptedIOException("The build was interrupted: this program is ending.");
    } finally {
      end(process);
      removeHook(stop);
    }
  }

  /** Waits for it: what follows may remove the directory that it works in. */
  private static void end(Process process) {
    process.destroy();
    boolean interrupted = Thread.interrupted();
    try {
      if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      interrupted = true;
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
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
