package dev.belljar.bench;

import dev.belljar.Endpoint;
import dev.belljar.Sandbox;
import dev.belljar.WalkEntry;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.locks.Lock;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A client that works a sandbox of its own as a program would, checks every answer, and changes to
 * a new sandbox now and then. Holds a lock while it does something, so that there are moments when
 * nobody does.
 */
final class SoakClient implements Runnable {
  private static final String DIRECTORY = "/tmp/soak";
  private static final int MOST_FILES = 20;
  private static final int SMALL_FILE = 64 << 10;

  /** Beyond this, the client sends files in parts. */
  private static final int LARGE_FILE = 3 << 20;

  private static final int OUTPUT = 1 << 20;
  private static final int LIFE = 30;
  private static final long PAUSE_AFTER_ERROR_MILLIS = 1000;

  private final Endpoint server;
  private final Tally tally;
  private final Lock busy;
  private final BooleanSupplier over;
  private final Random random;
  private final List<Operation> deck;

  /** What must be in the sandbox now. */
  private final Map<String, byte[]> files = new HashMap<>();

  private Optional<Sandbox> sandbox = Optional.empty();
  private int left;

  /** Works a sandbox. */
  @FunctionalInterface
  private interface Work {
    void run(Sandbox sandbox) throws Exception;
  }

  private record Operation(String kind, Work work) {}

  /**
   * @param server where
   * @param tally what is done is told
   * @param busy held during each operation
   * @param over whether to end
   * @param seed of what it does
   */
  SoakClient(Endpoint server, Tally tally, Lock busy, BooleanSupplier over, long seed) {
    this.server = server;
    this.tally = tally;
    this.busy = busy;
    this.over = over;
    random = new Random(seed);
    deck = new ArrayList<>();
    add(20, "write", this::write);
    add(20, "read", this::read);
    add(10, "stat", this::stat);
    add(8, "remove", this::remove);
    add(15, "exec", GuestCommand.TRUE::run);
    add(10, "sh", this::shell);
    add(5, "sh with input", this::feed);
    add(4, "output of 1 MiB", SoakClient::drain);
    add(10, "env", this::environment);
    add(5, "walk", this::walk);
    add(2, "deno.eval", this::evaluate);
  }

  private void add(int times, String kind, Work work) {
    Operation operation = new Operation(kind, work);
    IntStream.range(0, times).forEach(i -> deck.add(operation));
  }

  @Override
  public void run() {
    try {
      while (!over.getAsBoolean() && !Thread.currentThread().isInterrupted()) {
        boolean well;
        busy.lockInterruptibly();
        try {
          well = (sandbox.isPresent() && left > 0) ? work(sandbox.get()) : renew();
        } finally {
          busy.unlock();
        }
        if (!well) {
          Thread.sleep(PAUSE_AFTER_ERROR_MILLIS);
        }
      }
    } catch (InterruptedException e) {
      // Told to end.
    } finally {
      attempt("close", this::close);
    }
  }

  private boolean work(Sandbox with) {
    left--;
    Operation operation = deck.get(random.nextInt(deck.size()));
    boolean well = attempt(operation.kind(), () -> operation.work().run(with));
    if (!well) {
      // Nobody knows what is in there now.
      left = 0;
    }
    return well;
  }

  private boolean renew() {
    boolean closed = attempt("close", this::close);
    files.clear();
    left = LIFE - 5 + random.nextInt(10);
    return attempt(
            "create",
            () -> {
              Sandbox made = Served.create(server);
              sandbox = Optional.of(made);
              made.fs().mkdir(DIRECTORY);
            })
        && closed;
  }

  private void close() {
    Optional<Sandbox> old = sandbox;
    sandbox = Optional.empty();
    old.ifPresent(Sandbox::close);
  }

  /** Something that may fail. */
  @FunctionalInterface
  private interface Attempt {
    void run() throws Exception;
  }

  private boolean attempt(String kind, Attempt attempt) {
    if (kind.equals("close") && sandbox.isEmpty()) {
      return true;
    }
    long began = System.nanoTime();
    try {
      attempt.run();
      tally.done(kind, began);
      return true;
    } catch (Exception e) {
      // An end by Ctrl-C fails what is under way, and is no error.
      if (!(e instanceof InterruptedException) && !Thread.currentThread().isInterrupted()) {
        tally.failed(kind, e);
      }
      return false;
    }
  }

  private void write(Sandbox in) {
    String path = DIRECTORY + "/" + random.nextInt(MOST_FILES);
    byte[] data = new byte[random.nextInt(random.nextInt(10) == 0 ? LARGE_FILE : SMALL_FILE)];
    random.nextBytes(data);
    in.fs().writeFile(path, data);
    files.put(path, data);
  }

  /** A file that must be there; the first is made. */
  private String anyFile(Sandbox in) {
    if (files.isEmpty()) {
      write(in);
    }
    return files.keySet().stream().skip(random.nextInt(files.size())).findFirst().orElseThrow();
  }

  private void read(Sandbox in) throws IOException {
    String path = anyFile(in);
    require(Arrays.equals(in.fs().readFile(path), files.get(path)), path + " has other bytes");
  }

  private void stat(Sandbox in) throws IOException {
    String path = anyFile(in);
    long size = in.fs().stat(path).size();
    byte[] data = files.getOrDefault(path, new byte[0]);
    require(size == data.length, path + " has " + size + " bytes, not " + data.length);
  }

  private void remove(Sandbox in) throws IOException {
    String path = anyFile(in);
    in.fs().remove(path);
    files.remove(path);
    require(!in.fs().exists(path), path + " is still there");
  }

  private void walk(Sandbox in) throws IOException {
    try (Stream<WalkEntry> entries = in.fs().walk(DIRECTORY)) {
      long count = entries.count() - 1;
      require(count == files.size(), count + " files were found, not " + files.size());
    }
  }

  private void shell(Sandbox in) throws IOException {
    String said = in.sh("seq 1 1000; echo \"$SOAK\"").env("SOAK", "yes").text();
    require(said.endsWith("\n1000\nyes\n"), "the shell said something else");
  }

  private void feed(Sandbox in) throws IOException {
    byte[] input = new byte[random.nextInt(SMALL_FILE) + 1];
    random.nextBytes(input);
    require(Arrays.equals(in.sh("cat").stdin(input).bytes(), input), "cat gave other bytes");
  }

  private static void drain(Sandbox in) throws IOException {
    long bytes = GuestCommand.of("head", "-c", Integer.toString(OUTPUT), "/dev/zero").drain(in);
    require(bytes == OUTPUT, bytes + " bytes came, not " + OUTPUT);
  }

  private void environment(Sandbox in) throws IOException {
    String value = Integer.toString(random.nextInt());
    in.env().set("SOAK_VALUE", value);
    String got = in.env().get("SOAK_VALUE").orElse("");
    require(got.equals(value), "the variable is '" + got + "', not " + value);
  }

  private void evaluate(Sandbox in) throws IOException {
    int number = random.nextInt(1000);
    Object value = in.deno().eval(number + " + 1");
    require(
        value instanceof Number sum && sum.intValue() == number + 1,
        number + " + 1 is said to be " + value);
  }

  private static void require(boolean right, String complaint) throws IOException {
    if (!right) {
      throw new IOException(complaint);
    }
  }
}
