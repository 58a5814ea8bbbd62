package dev.belljar.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/** Many clients work the sandboxes of a server for minutes: nothing may fail, nothing may grow. */
final class Soak {
  private static final String USAGE =
      """
      Usage: bench/run soak [--minutes N] [--clients N]

        --minutes N  how long; default 10
        --clients N  how many, each with a sandbox of its own; default 20
        --help       this text

      Starts a server, and clients that write, read, look at and remove files, run programs and
      shell commands, evaluate code, and change to a new sandbox after about 30 operations; every
      answer is checked. After a tenth of the time and at its end all clients pause while the server
      is looked at. Ends with 1 where an operation failed, or where the server holds more at the end
      than after that tenth, beyond these bounds:

        heap after a collection   +32 MB
        threads                   +16
        open files                +16
        memory (RSS)              +256 MB
        processes left            0, after the last client has closed its sandbox
      """;

  private static final double MORE_HEAP = 32;
  private static final double MORE_THREADS = 16;
  private static final double MORE_FILES = 16;
  private static final double MORE_MEMORY = 256;

  private static final int SPARE_SANDBOXES = 5;
  private static final long PROGRESS_SECONDS = 30;

  /** Longer than anything takes on a busy host: what is not done by then hangs. */
  private static final long HUNG_SECONDS = 300;

  private static final long LEFT_SECONDS = 15;

  private final int clients;
  private final Duration time;
  private final PrintStream out;
  private final Tally tally = new Tally();
  private final List<String> complaints = new ArrayList<>();
  private final AtomicBoolean over = new AtomicBoolean();

  /** Clients read-lock it while they do something; fair, so that a pause comes about. */
  private final ReentrantReadWriteLock work = new ReentrantReadWriteLock(true);

  private Soak(int clients, Duration time, PrintStream out) {
    this.clients = clients;
    this.time = time;
    this.out = out;
  }

  /**
   * The program. Ends with 0 when nothing failed and nothing grew, 1 otherwise, and 2 for a wrong
   * command line.
   */
  public static void main(String[] args) {
    System.setProperty("slf4j.internal.verbosity", "ERROR");
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    int code = run(List.of(args), out);
    if (code != 0) {
      System.exit(code);
    }
  }

  private static int run(List<String> words, PrintStream out) {
    int minutes = 10;
    int clients = 20;
    Deque<String> left = new ArrayDeque<>(words);
    try {
      while (!left.isEmpty()) {
        String option = left.remove();
        switch (option) {
          case "--minutes" -> minutes = Arguments.positive(option, Arguments.value(option, left));
          case "--clients" -> clients = Arguments.positive(option, Arguments.value(option, left));
          case "--help", "-h" -> {
            out.print(USAGE);
            return 0;
          }
          default -> throw new IllegalArgumentException("There is no option '" + option + "'.");
        }
      }
    } catch (IllegalArgumentException e) {
      System.err.println(
          "bench: " + e.getMessage() + " 'bench/run soak --help' says what there is.");
      return 2;
    }
    try (Unwinding unwinding = Unwinding.begin()) {
      try {
        return new Soak(clients, Duration.ofMinutes(minutes), out).run() ? 0 : 1;
      } catch (SkippedException | IOException | UncheckedIOException e) {
        System.err.println("bench: " + e.getMessage());
        return 1;
      } catch (InterruptedException e) {
        System.err.println("bench: interrupted");
        return unwinding.isEnding() ? 0 : 1;
      }
    }
  }

  private boolean run() throws IOException, InterruptedException, SkippedException {
    try (Scratch scratch = Scratch.create();
        ServerProcess server =
            ServerProcess.start(
                Launcher.in(Bench.root()), scratch.directory(), clients + SPARE_SANDBOXES)) {
      List<Footprint> footprints = drive(server);
      awaitNoProcess(server);
      report(footprints.getFirst(), footprints.getLast());
      if (!complaints.isEmpty()) {
        out.println("\nThe server's last words:\n" + server.log());
      }
    }
    return complaints.isEmpty();
  }

  /** What the server holds after a tenth of the time, and at its end. */
  private List<Footprint> drive(ServerProcess server) throws IOException, InterruptedException {
    ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    try {
      for (int i = 0; i < clients; i++) {
        threads.execute(new SoakClient(server.endpoint(), tally, work.readLock(), over::get, i));
      }
      long began = System.nanoTime();
      watch(began, time.dividedBy(10));
      Footprint early = pause(server);
      watch(began, time);
      Footprint late = pause(server);
      over.set(true);
      threads.shutdown();
      if (!threads.awaitTermination(HUNG_SECONDS, TimeUnit.SECONDS)) {
        throw new IOException("A client has not ended for " + HUNG_SECONDS + " s.");
      }
      return List.of(early, late);
    } finally {
      over.set(true);
      threads.shutdownNow();
    }
  }

  /** Waits until so much time has passed since a {@link System#nanoTime}, and says how it goes. */
  private void watch(long began, Duration until) throws InterruptedException {
    while (true) {
      long passed = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
      long left = until.toMillis() - passed;
      if (left <= 0) {
        return;
      }
      long step = TimeUnit.SECONDS.toMillis(PROGRESS_SECONDS);
      Thread.sleep(Math.min(left, step - passed % step));
      long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - began);
      System.err.printf(
          Locale.ROOT,
          "%d:%02d of %d:00: %d operations, %d errors%n",
          seconds / 60,
          seconds % 60,
          time.toMinutes(),
          tally.operations(),
          tally.errors());
    }
  }

  /** Looks at the server while every client has its sandbox and nobody does anything. */
  private Footprint pause(ServerProcess server) throws IOException, InterruptedException {
    if (!work.writeLock().tryLock(HUNG_SECONDS, TimeUnit.SECONDS)) {
      throw new IOException("An operation has not ended for " + HUNG_SECONDS + " s.");
    }
    try {
      return server.footprint();
    } finally {
      work.writeLock().unlock();
    }
  }

  private void awaitNoProcess(ServerProcess server) throws InterruptedException {
    long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(LEFT_SECONDS);
    while (server.children() > 0 && System.nanoTime() < until) {
      Thread.sleep(100);
    }
    if (server.children() > 0) {
      complaints.add(server.children() + " processes were left after the last sandbox.");
    }
  }

  private void report(Footprint early, Footprint late) {
    if (tally.errors() > 0) {
      complaints.addFirst(tally.errors() + " operations failed.");
    }
    out.printf(
        Locale.ROOT,
        "# %d clients for %d minutes: %d operations, %d errors%n%n",
        clients,
        time.toMinutes(),
        tally.operations(),
        tally.errors());
    out.println(tally.table());
    out.println("| the server holds | after a tenth | at the end | growth | bound | kept |");
    out.println("|---|---:|---:|---:|---:|---|");
    growth("heap after a collection, MB", early.heap(), late.heap(), MORE_HEAP);
    growth("threads", early.threads(), late.threads(), MORE_THREADS);
    growth("open files", early.files(), late.files(), MORE_FILES);
    growth("memory (RSS), MB", early.resident(), late.resident(), MORE_MEMORY);
    out.println();
    tally.failures().forEach(failure -> out.println("* failed: " + failure));
    complaints.forEach(complaint -> out.println("* **" + complaint + "**"));
    if (complaints.isEmpty()) {
      out.println("* no error, no growth");
    }
  }

  private void growth(String what, double early, double late, double bound) {
    boolean kept = late - early <= bound;
    out.printf(
        Locale.ROOT,
        "| %s | %.0f | %.0f | %+.0f | %+.0f | %s |%n",
        what,
        early,
        late,
        late - early,
        bound,
        kept ? "yes" : "**no**");
    if (!kept) {
      complaints.add("The server's " + what + " grew beyond the bound.");
    }
  }
}
