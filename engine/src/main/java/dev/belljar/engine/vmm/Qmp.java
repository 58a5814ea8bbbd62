package dev.belljar.engine.vmm;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/**
 * QEMU's monitor (docs/interop/qmp-spec of QEMU): commands in order, answers in the same order.
 * Events are skipped. QEMU is no more trusted than the guest, so lines and queues are bounded.
 */
final class Qmp implements AutoCloseable {
  private static final int LONGEST_LINE = 64 << 10;
  private static final int ANSWERS_KEPT = 64;

  /** Of a wait; where this host stood still, QEMU did as well, and that counts for one of them. */
  private static final int SLICES = 20;

  private static final JsonFactory JSON = JsonFactory.builder().build();

  private final SocketChannel socket;
  private final ReentrantLock exchange = new ReentrantLock();
  private final AtomicInteger unanswered = new AtomicInteger();
  private volatile boolean outOfStep;
  private final LinkedBlockingQueue<Answer> answers = new LinkedBlockingQueue<>(ANSWERS_KEPT);

  /** What QEMU said to a command; {@code error} is empty where it did it. */
  private record Answer(String error, String status, boolean refusal) {}

  private static final Answer NOTHING = new Answer("", "", false);

  Qmp(SocketChannel socket) {
    this.socket = socket;
    Thread.ofVirtual().name("qmp-reader").start(this::read);
  }

  /**
   * Sends a command and waits for its answer, after those of what was sent before.
   *
   * @return the answer's {@code return.status}, if it has one; of a list, its first item's
   * @throws MachineException where the answer, or the first item of a list, is an error
   */
  String ask(String command, long millis) throws IOException {
    exchange.lock();
    try {
      settle(millis);
      send(command);
      return await(millis);
    } finally {
      exchange.unlock();
    }
  }

  /** Waits for the answers to all that was sent. */
  void settle(long millis) throws IOException {
    exchange.lock();
    try {
      while (unanswered.get() > 0) {
        await(millis);
      }
    } finally {
      exchange.unlock();
    }
  }

  /**
   * Sends commands without waiting; each will have one answer. The first must be {@code
   * qmp_capabilities}.
   */
  void send(String... commands) throws IOException {
    var text = new StringBuilder();
    for (String command : commands) {
      text.append(command).append('\n');
      unanswered.incrementAndGet();
    }
    ByteBuffer bytes = ByteBuffer.wrap(text.toString().getBytes(StandardCharsets.UTF_8));
    synchronized (this) {
      while (bytes.hasRemaining()) {
        socket.write(bytes);
      }
    }
  }

  /** An answer that did not come would be taken for that of the next command. */
  private void checkInStep() throws MachineException {
    if (outOfStep) {
      throw new MachineException("QEMU's monitor left a command unanswered before.");
    }
  }

  private String await(long millis) throws IOException {
    checkInStep();
    unanswered.decrementAndGet();
    try {
      @Nullable Answer answer = null;
      for (int i = 0; answer == null && i < SLICES; i++) {
        answer = answers.poll(Math.max(1, millis / SLICES), TimeUnit.MILLISECONDS);
      }
      if (answer == null) {
        outOfStep = true;
        throw new MachineException("QEMU's monitor did not answer in " + millis + " ms.");
      }
      if (!answer.error.isEmpty()) {
        String said = "QEMU's monitor says: " + answer.error;
        throw answer.refusal ? new RefusedByMonitorException(said) : new MachineException(said);
      }
      return answer.status;
    } catch (InterruptedException e) {
      outOfStep = true;
      Thread.currentThread().interrupt();
      throw new java.io.InterruptedIOException("Interrupted while waiting for QEMU.");
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }

  private void read() {
    String end = "QEMU closed its monitor";
    try (var lines =
        new BufferedReader(
            new InputStreamReader(Channels.newInputStream(socket), StandardCharsets.UTF_8), 8192)) {
      while (true) {
        String line = line(lines);
        Answer answer = parse(line);
        if (answer != null && !answers.offer(answer)) {
          throw new IOException("more answers than commands");
        }
      }
    } catch (IOException | RuntimeException e) {
      end = end + ": " + e.getMessage();
    }
    // Whoever waits is told; if the queue is full nobody does.
    boolean told = answers.offer(new Answer(end, "", false));
    assert told || !answers.isEmpty();
  }

  private static String line(BufferedReader reader) throws IOException {
    var line = new StringBuilder();
    int c;
    while ((c = reader.read()) != '\n') {
      if (c < 0) {
        throw new IOException("end of stream");
      }
      if (line.length() >= LONGEST_LINE) {
        throw new IOException("a line that does not end");
      }
      line.append((char) c);
    }
    return line.toString();
  }

  /** Null for what is no answer: the greeting and events. */
  private static @Nullable Answer parse(String line) {
    try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(), line)) {
      boolean answer = false;
      String error = "";
      String status = "";
      parser.nextToken();
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        String name = parser.currentName();
        parser.nextToken();
        switch (name) {
          case "return" -> {
            answer = true;
            Answer said = answerIn(parser);
            status = said.status;
            error = said.error;
          }
          case "error" -> {
            answer = true;
            error = answerIn(parser).error;
          }
          default -> parser.skipChildren();
        }
      }
      return answer ? new Answer(error, status, !error.isEmpty()) : null;
    }
  }

  /**
   * What the value that the parser stands at says: an object, or a list whose first item counts. A
   * job that failed has its {@code error} there, a command its {@code desc}.
   */
  private static Answer answerIn(JsonParser parser) {
    if (parser.currentToken() == JsonToken.START_ARRAY) {
      Answer first = parser.nextToken() == JsonToken.END_ARRAY ? NOTHING : answerIn(parser);
      while (parser.currentToken() != JsonToken.END_ARRAY) {
        parser.skipChildren();
        parser.nextToken();
      }
      return first;
    }
    if (parser.currentToken() != JsonToken.START_OBJECT) {
      return NOTHING;
    }
    String error = "";
    String status = "";
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String name = parser.currentName();
      boolean scalar = parser.nextToken().isScalarValue();
      if (scalar && name.equals("status")) {
        status = parser.getString();
      } else if (scalar && (name.equals("desc") || name.equals("error"))) {
        error = parser.getString();
      }
      parser.skipChildren();
    }
    return new Answer(error, status, !error.isEmpty());
  }
}
