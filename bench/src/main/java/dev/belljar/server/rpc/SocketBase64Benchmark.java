package dev.belljar.server.rpc;

import dev.belljar.server.rpc.MessageReader.Arrived;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.Iterator;
import java.util.Random;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Bytes as the server's socket carries them, in base64 within JSON, without a network and without a
 * guest. An operation is a mebibyte of bytes.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class SocketBase64Benchmark {
  private static final int MEBIBYTE = 1 << 20;

  /** What a stream grows its parts to, and about what Jetty gives of a message at a time. */
  private static final int PART = 64 << 10;

  private static final long HEAP = 1L << 30;
  private static final long STREAM = 1;

  private final byte[] data = new byte[MEBIBYTE];
  private final byte[] target = new byte[MEBIBYTE];
  private final HeapBudget budget = new HeapBudget(HEAP);
  private final MessageReader reader = new MessageReader(budget);
  private final Semaphore ended = new Semaphore(0);
  private final OutgoingStreams outgoing =
      new OutgoingStreams(new Outbox(TakenMessages.session()), new AtomicLong());
  private final IncomingStreams incoming =
      new IncomingStreams(budget, Duration.ofSeconds(10), (id, reason) -> {}, () -> {});
  private byte[] partMessage = {};
  private byte[] fileMessage = {};
  private @Nullable InputStream input;

  /** Makes the messages that come in. */
  @Setup
  public void fill() {
    new Random(1).nextBytes(data);
    partMessage =
        utf8(
            "{\"jsonrpc\":\"2.0\",\"method\":\"$sandbox.stream.enqueue\",\"params\":{\"streamId\":"
                + STREAM
                + ",\"data\":\""
                + base64(PART)
                + "\"}}");
    fileMessage =
        utf8(
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"writeFile\",\"params\":{\"path\":\"/tmp/data\","
                + "\"content\":\""
                + base64(MEBIBYTE)
                + "\"}}");
    incoming.start(STREAM);
    input = incoming.claim(STREAM, true).orElseThrow();
  }

  /** Ends the streams. */
  @TearDown
  public void close() {
    outgoing.close();
    incoming.close();
    reader.close();
  }

  private String base64(int length) {
    return Base64.getEncoder().encodeToString(java.util.Arrays.copyOf(data, length));
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** A stream to the client: a process's output. */
  @Benchmark
  public void streamOut() throws InterruptedException {
    outgoing.send(
        new OutgoingStreams.Chunks() {
          private int at;

          @Override
          public @Nullable ByteBuffer next() {
            if (at == MEBIBYTE) {
              return null;
            }
            ByteBuffer chunk = ByteBuffer.wrap(data, at, PART);
            at += PART;
            return chunk;
          }

          @Override
          public void close() {
            ended.release();
          }
        },
        false);
    ended.acquire();
  }

  /** A stream from the client: a process's input, until it is read. */
  @Benchmark
  public int streamIn() throws IOException, InvalidParamsException {
    for (int i = 0; i < MEBIBYTE / PART; i++) {
      Arrived.Message message = message(reader.add(ByteBuffer.wrap(partMessage), true));
      Params params = Params.of(message.params());
      long id = params.integer("streamId");
      byte[] bytes = params.bytes("data");
      params.check();
      incoming.enqueue(id, bytes);
      budget.give(message.held());
    }
    return java.util.Objects.requireNonNull(input).readNBytes(target, 0, MEBIBYTE);
  }

  /** A file to the client, as one message. */
  @Benchmark
  public int fileOut() throws IOException, InterruptedException {
    int length = 0;
    InputStream file = new ByteArrayInputStream(data);
    try (HeldBytes held =
        HeldBytes.read(file, false, MEBIBYTE, MEBIBYTE, budget).bytes().orElseThrow()) {
      Iterator<ByteBuffer> pieces = held.pieces();
      while (pieces.hasNext()) {
        length += pieces.next().remaining();
      }
    }
    return length;
  }

  /** A file from the client, as one message. */
  @Benchmark
  public int fileIn() throws IOException, InvalidParamsException {
    Arrived arrived = new Arrived.Part();
    for (int at = 0; at < fileMessage.length; at += PART) {
      int length = Math.min(PART, fileMessage.length - at);
      arrived =
          reader.add(ByteBuffer.wrap(fileMessage, at, length), at + length == fileMessage.length);
    }
    Arrived.Message message = message(arrived);
    Params params = Params.of(message.params());
    int read;
    try (InputStream content = params.stream("content")) {
      params.check();
      read = content.readNBytes(target, 0, MEBIBYTE);
    }
    budget.give(message.held());
    return read;
  }

  private static Arrived.Message message(Arrived arrived) {
    if (arrived instanceof Arrived.Message message) {
      return message;
    }
    throw new IllegalStateException("not a message: " + arrived);
  }
}
