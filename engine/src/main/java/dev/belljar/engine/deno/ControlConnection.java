package dev.belljar.engine.deno;

import dev.belljar.GuestConnection;
import dev.belljar.InvalidOptionException;
import dev.belljar.ScriptException;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * Requests to an evaluator and their answers: JSON behind a 32-bit length. What it answers is
 * checked: anything can be at the other end.
 */
final class ControlConnection implements AutoCloseable {
  private static final Pattern GREETING = Pattern.compile("belljar ([0-9]{1,5}) ([0-9a-f-]{36})");
  private static final int LONGEST_GREETING = 64;
  private static final int LARGEST = 64 << 20;
  private static final JsonMapper REQUESTS = JsonMapper.builder().build();

  private final GuestConnection connection;
  private final DataInputStream input;
  private final ReentrantLock turn = new ReentrantLock();
  private final Map<Long, CompletableFuture<Object>> awaited = new ConcurrentHashMap<>();
  private volatile long lastId;
  private volatile @Nullable IOException end;

  /** How a port of the guest is connected to. */
  interface Dialer {
    GuestConnection dial(int port) throws IOException;
  }

  /** Reads from an evaluator's stdout where it takes requests, and connects to it. */
  static ControlConnection open(InputStream stdout, Dialer dialer) throws IOException {
    Matcher greeting = GREETING.matcher(firstLine(stdout));
    if (!greeting.matches()) {
      throw new IOException("it did not greet as an evaluator does");
    }
    ControlConnection control;
    try {
      control = new ControlConnection(dialer.dial(Integer.parseInt(greeting.group(1))));
    } catch (InvalidOptionException e) {
      throw new IOException("it greeted with a port that cannot be", e);
    }
    try {
      control.greet(greeting.group(2));
      return control;
    } catch (IOException | RuntimeException e) {
      control.close();
      throw e;
    }
  }

  /** Byte for byte: what follows is the user's. */
  private static String firstLine(InputStream stdout) throws IOException {
    StringBuilder line = new StringBuilder();
    int next;
    while ((next = stdout.read()) != '\n' && next >= 0 && line.length() < LONGEST_GREETING) {
      line.append((char) next);
    }
    return line.toString().stripTrailing();
  }

  /** Takes ownership of the connection. */
  private ControlConnection(GuestConnection connection) {
    this.connection = connection;
    input = new DataInputStream(new BufferedInputStream(connection.input()));
  }

  /** Shows the token and blocks until the evaluator has taken it; then answers are read. */
  private void greet(String token) throws IOException {
    write(Map.of("token", token));
    if (!(read() instanceof Map<?, ?> answer) || !Long.valueOf(0).equals(answer.get("id"))) {
      throw new IOException("it did not greet as an evaluator does");
    }
    Thread.ofVirtual().name("answers of an evaluator").start(this::readUntilEnd);
  }

  /** Whether a request is under way. */
  boolean isBusy() {
    return !awaited.isEmpty() || turn.isLocked();
  }

  /**
   * Asks, after those who came before, and blocks for the answer. An interrupt gives the answer up,
   * not the work.
   *
   * @throws ScriptException what the code threw
   * @throws IOException where the connection ended or the answer cannot be read
   */
  @Nullable Object ask(Map<String, Object> request) throws IOException {
    try {
      turn.lockInterruptibly();
    } catch (InterruptedException e) {
      throw interrupted();
    }
    long id = lastId + 1;
    CompletableFuture<Object> answer = new CompletableFuture<>();
    try {
      awaited.put(id, answer);
      lastId = id;
      IOException ended = end;
      if (ended != null) {
        throw new IOException(ended.getMessage(), ended);
      }
      Map<String, Object> numbered = new java.util.HashMap<>(request);
      numbered.put("id", id);
      write(numbered);
      return valueOf((Map<?, ?>) answer.get());
    } catch (InterruptedException e) {
      throw interrupted();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException known
          ? new IOException(known.getMessage(), known)
          : new IOException(e);
    } finally {
      awaited.remove(id);
      turn.unlock();
    }
  }

  /** Says that no more requests come: an evaluator then ends by itself. */
  void finish() throws IOException {
    connection.output().close();
  }

  @Override
  public void close() {
    connection.close();
  }

  private void write(Object message) throws IOException {
    byte[] body;
    try {
      body = REQUESTS.writeValueAsBytes(message);
    } catch (JacksonException | StackOverflowError e) {
      throw new InvalidOptionException("The arguments are not plain data: " + e.getMessage(), e);
    }
    if (body.length > LARGEST) {
      throw new InvalidOptionException(
          "A request of more than " + LARGEST + " bytes is too large.");
    }
    byte[] frame = ByteBuffer.allocate(4 + body.length).putInt(body.length).put(body).array();
    try {
      connection.output().write(frame);
    } catch (InterruptedIOException e) {
      // Half of it may be out: nothing more can be said.
      close();
      throw e;
    }
  }

  private void readUntilEnd() {
    try {
      while (true) {
        Object answer = read();
        if (!(answer instanceof Map<?, ?> map)
            || !(map.get("id") instanceof Long id)
            || id < 1
            || id > lastId) {
          throw new IOException("it answered what was not asked");
        }
        CompletableFuture<Object> asked = awaited.get(id);
        // Else it was given up.
        if (asked != null) {
          asked.complete(map);
        }
      }
    } catch (IOException e) {
      end(e);
    } catch (RuntimeException e) {
      end(new IOException("its answers could not be read: " + e, e));
      throw e;
    }
  }

  private void end(IOException reason) {
    end = reason;
    awaited.values().forEach(asked -> asked.completeExceptionally(reason));
    close();
  }

  private @Nullable Object read() throws IOException {
    int length = input.readInt();
    if (length < 0 || length > LARGEST) {
      throw new IOException("it sends a message of " + Integer.toUnsignedLong(length) + " bytes");
    }
    byte[] bytes = input.readNBytes(length);
    if (bytes.length < length) {
      throw new EOFException("it ended in the midst of an answer");
    }
    return PlainData.read(bytes);
  }

  private static @Nullable Object valueOf(Map<?, ?> answer) throws IOException {
    if (answer.get("error") instanceof Map<?, ?> error) {
      throw new ScriptException(ThrownError.read(error));
    }
    if (!answer.containsKey("value")) {
      throw new IOException("it answered neither a value nor an error");
    }
    return answer.get("value");
  }

  private static InterruptedIOException interrupted() {
    Thread.currentThread().interrupt();
    return new InterruptedIOException("Interrupted while waiting for an evaluator.");
  }
}
