package dev.belljar.bench;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Commands on this host that wait for input, each in an enclosure of its own. They end with their
 * input, when this is closed, and so also when this program is killed.
 */
final class WaitingCommands implements AutoCloseable {
  /** Gives back what it reads, which says that it is there. */
  static final HostCommand WAITING = HostCommand.of("/bin/cat");

  private static final long LONGEST_SECONDS = 20;

  /** Less than what {@link Unwinding} gives to all. */
  private static final long STOP_SECONDS = 10;

  private static final long LOOK_AGAIN_MILLIS = 5;

  private final String scratch;
  private final Set<ProcessHandle> before;
  private final List<Process> started = new ArrayList<>();

  private WaitingCommands(String scratch, Set<ProcessHandle> before) {
    this.scratch = scratch;
    this.before = before;
  }

  /**
   * None yet.
   *
   * @param scratch a directory that only enclosures of this run name in their command lines
   */
  static WaitingCommands none(Path scratch) {
    try (Stream<ProcessHandle> all = ProcessHandle.allProcesses()) {
      return new WaitingCommands(scratch.toString(), all.collect(Collectors.toSet()));
    }
  }

  /** Starts {@link #WAITING}, enclosed somehow, and returns when it has answered. */
  void start(HostCommand enclosed) throws IOException, InterruptedException {
    Process process = enclosed.start();
    started.add(process);
    OutputStream in = process.getOutputStream();
    in.write('\n');
    in.flush();
    InputStream out = process.getInputStream();
    long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(LONGEST_SECONDS);
    while (out.available() == 0) {
      if (!process.isAlive()) {
        throw new IOException("it ended with exit code " + process.exitValue());
      }
      if (System.nanoTime() > until) {
        throw new IOException("no answer within " + LONGEST_SECONDS + " s");
      }
      Thread.sleep(LOOK_AGAIN_MILLIS);
    }
  }

  /**
   * The proportional memory (PSS) of all of them together, and of what encloses them.
   *
   * @throws IOException where one of these processes may not be looked at
   */
  double megabytes() throws IOException {
    double sum = 0;
    for (ProcessHandle process : processes()) {
      Path directory = Path.of("/proc", Long.toString(process.pid()));
      try {
        sum += ProcessMemory.megabytes(directory, "Pss");
      } catch (IOException e) {
        if (process.isAlive()) {
          throw e;
        }
      }
    }
    return sum;
  }

  /** Ends their input, waits for their end, and kills what has not ended then. */
  @Override
  public void close() {
    Set<ProcessHandle> left = processes();
    boolean interrupted = Thread.interrupted();
    try {
      for (Process process : started) {
        endInput(process);
      }
      long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(STOP_SECONDS);
      while (left.stream().anyMatch(ProcessHandle::isAlive) && System.nanoTime() < until) {
        Thread.sleep(LOOK_AGAIN_MILLIS);
      }
    } catch (InterruptedException e) {
      interrupted = true;
    } finally {
      left.forEach(ProcessHandle::destroyForcibly);
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static void endInput(Process process) {
    try {
      process.getOutputStream().close();
    } catch (IOException e) {
      // It has ended.
    }
  }

  /**
   * What was started, what came of it, and what has put itself elsewhere, as podman's monitor does,
   * and is known by the directory that it was told.
   */
  private Set<ProcessHandle> processes() {
    Set<ProcessHandle> processes = new LinkedHashSet<>();
    started.forEach(process -> add(process.toHandle(), processes));
    try (Stream<ProcessHandle> all = ProcessHandle.allProcesses()) {
      Set<ProcessHandle> since = all.collect(Collectors.toCollection(HashSet::new));
      since.removeAll(before);
      since.stream().filter(this::namesScratch).forEach(process -> add(process, processes));
    }
    return processes;
  }

  private static void add(ProcessHandle process, Set<ProcessHandle> to) {
    if (to.add(process)) {
      try (Stream<ProcessHandle> descendants = process.descendants()) {
        descendants.forEach(to::add);
      }
    }
  }

  private boolean namesScratch(ProcessHandle process) {
    Path words = Path.of("/proc", Long.toString(process.pid()), "cmdline");
    try {
      return Files.readString(words, StandardCharsets.ISO_8859_1).contains(scratch);
    } catch (IOException e) {
      return false;
    }
  }
}
