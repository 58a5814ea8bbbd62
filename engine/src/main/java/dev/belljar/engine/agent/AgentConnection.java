package dev.belljar.engine.agent;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The host's end of a channel: calls and streams over one byte channel. One virtual thread reads;
 * whoever has something to say writes. Ends, with the reason, when the channel does or when the
 * guest breaks the protocol.
 */
public final class AgentConnection implements AutoCloseable {
  /** The version of docs/agent-protocol.md that this end speaks. */
  static final int VERSION = 1;

  static final byte[] EMPTY = {};

  private static final int MAGIC = 0x42454c4c;
  private static final int CALLS_AT_ONCE = 1024;
  private static final int STREAMS_OF_AGENT = 512;
  private static final int MANY = 1 << 20;
  private static final int EAGAIN = 11;
  private static final int LARGEST_ERRNO = 4095;
  private static final int READ_BUFFER = 256 << 10;
  private static final String MACHINE_ENDED =
      "its machine ended (the guest was powered off, or crashed)";

  private final ByteChannel channel;
  private final IncomingStreams incoming;
  private final OutgoingBytes outgoing = new OutgoingBytes();

  /** Held while a frame is put together, so that frames do not mix. */
  private final ReentrantLock frameLock = new ReentrantLock();

  private final ByteBuffer header = ByteBuffer.allocate(FrameType.HEADER);

  /**
   * Handlers of what the agent opened; it may reset a stream and open the next while the first is
   * still being dialled.
   */
  private final Semaphore handlers = new Semaphore(STREAMS_OF_AGENT);

  /** Whoever has the guest stand still. */
  private final Semaphore standstill = new Semaphore(1);

  private final Semaphore callSlots = new Semaphore(CALLS_AT_ONCE);
  private final AtomicInteger lastCall = new AtomicInteger();
  private final AtomicInteger lastStream = new AtomicInteger();
  private final AtomicInteger agentStreams = new AtomicInteger();
  private final Map<Integer, CompletableFuture<Result>> calls = new ConcurrentHashMap<>();
  private final Map<Integer, ExitListener> processes = new ConcurrentHashMap<>();
  private final Map<Integer, AgentStream> streams = new ConcurrentHashMap<>();
  private final AtomicReference<@Nullable IOException> end = new AtomicReference<>();
  private final CompletableFuture<IOException> ended = new CompletableFuture<>();
  private final CompletableFuture<Void> greeted = new CompletableFuture<>();

  /** What an agent answered to a call: errno 0 and a body, or an errno. */
  record Result(int errno, BodyReader body) {}

  /** Hears of the end of a process. */
  interface ExitListener {
    void onExit(ProcessExit exit);

    void onConnectionEnd(IOException reason);
  }

  /**
   * How a process ended.
   *
   * @param code the exit code, 128 + the signal's number for a signal
   * @param signal the signal's number or 0
   * @param oom 0 no, 1 something of its tree was killed for memory, 2 it was
   * @param cpuMicros processor time of it and its reaped children
   */
  public record ProcessExit(int code, int signal, int oom, long cpuMicros) {}

  /** Takes the streams that the agent opens; each on a virtual thread of its own. */
  public interface IncomingStreams {
    /** A program of the guest wants to connect. The stream must be accepted or refused. */
    void connect(Incoming stream, String nameOrAddress, boolean isName, int port);

    /** The guest's resolver asks for a name. The stream must be accepted or refused. */
    void lookup(Incoming stream, String name);
  }

  /** A stream that the agent opened and that waits for an answer. */
  public static final class Incoming {
    private final AgentStream stream;

    Incoming(AgentStream stream) {
      this.stream = stream;
    }

    /** Lets it flow. */
    public AgentStream accept() throws IOException {
      stream.accept();
      return stream;
    }

    /** Says yes to a question; nothing flows. */
    public void confirm() throws IOException {
      stream.connection().forget(stream);
      stream.accept();
    }

    /** Says no. */
    public void refuse(int errno) {
      stream.refuse(errno);
    }
  }

  /** Takes ownership of the channel, greets, and begins to read. */
  public AgentConnection(ByteChannel channel, IncomingStreams incoming) throws IOException {
    this.channel = channel;
    this.incoming = incoming;
    Thread.ofVirtual().name("channel-reader").start(this::readUntilEnd);
    Thread.ofVirtual().name("channel-writer").start(this::writeUntilEnd);
    byte[] hello = ByteBuffer.allocate(8).putInt(VERSION).putInt(MAGIC).array();
    send(FrameType.HELLO, 0, hello, 0, hello.length);
  }

  /** Completes with the agent's greeting. */
  CompletableFuture<Void> greeted() {
    return greeted;
  }

  /** Completes, with the reason, when the connection has ended. */
  public CompletableFuture<IOException> ended() {
    return ended;
  }

  /** Calls and blocks for the result, whatever its errno. */
  Result call(Operation operation, BodyWriter body) throws IOException {
    return await(start(operation, body));
  }

  /** A call under way. */
  record Call(int id, CompletableFuture<Result> result) {}

  /** Sends a call; its result comes later. Blocks while too many are under way. */
  Call start(Operation operation, BodyWriter body) throws IOException {
    return start(operation, body, null);
  }

  /** As above; the listener hears of the exit of the process that the call starts. */
  Call start(Operation operation, BodyWriter body, @Nullable ExitListener listener)
      throws IOException {
    if (body.size() + 2 > FrameType.LARGEST_CALL) {
      throw new CallTooLargeException();
    }
    CompletableFuture<Result> result = new CompletableFuture<>();
    int id = register(result);
    if (listener != null) {
      processes.put(id, listener);
    }
    try {
      sendCall(id, operation, body);
    } catch (IOException e) {
      unregister(id);
      processes.remove(id);
      throw e;
    }
    checkCallSurvived(id);
    return new Call(id, result);
  }

  Result await(Call call) throws IOException {
    try {
      return call.result.get();
    } catch (InterruptedException e) {
      throw interrupted();
    } catch (ExecutionException e) {
      throw reason(e);
    }
  }

  /**
   * Asks for something after which nothing more is to be sent until {@link #release}: what is sent
   * meanwhile waits here. One at a time; others wait, as long as it may take.
   *
   * @param limit how long the answer may take
   */
  Result hold(Operation operation, BodyWriter body, Duration limit) throws IOException {
    try {
      if (!standstill.tryAcquire(limit.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new IOException("The guest stands still for somebody else.");
      }
    } catch (InterruptedException e) {
      throw interrupted();
    }
    boolean held = false;
    try {
      Result answer = asked(operation, body, limit);
      held = answer.errno() == 0;
      return answer;
    } finally {
      if (!held) {
        standstill.release();
      }
    }
  }

  private Result asked(Operation operation, BodyWriter body, Duration limit) throws IOException {
    CompletableFuture<Result> result = new CompletableFuture<>();
    int id = register(result);
    frameLock.lock();
    try {
      checkOpen();
      putCall(id, operation, body);
      outgoing.hold(limit.toNanos());
    } catch (IOException e) {
      unregister(id);
      throw reason(e);
    } finally {
      frameLock.unlock();
    }
    checkCallSurvived(id);
    try {
      Result answer = result.get(limit.toMillis(), TimeUnit.MILLISECONDS);
      if (answer.errno() != 0) {
        outgoing.release(EMPTY);
      }
      return answer;
    } catch (InterruptedException e) {
      outgoing.release(EMPTY);
      throw interrupted();
    } catch (ExecutionException e) {
      throw reason(e);
    } catch (TimeoutException e) {
      outgoing.release(EMPTY);
      throw new IOException(
          "The guest did not hold still in " + limit.toMillis() + " ms; it may be busy.", e);
    }
  }

  /** Goes on after {@link #hold}, whatever comes of it. */
  Result release(Operation operation, BodyWriter body) throws IOException {
    CompletableFuture<Result> result = new CompletableFuture<>();
    int id;
    try {
      id = register(result);
      byte[] code = {(byte) (operation.code >> 8), (byte) operation.code};
      int length = code.length + body.size();
      ByteBuffer frame = ByteBuffer.allocate(FrameType.HEADER + length);
      putHeader(frame, FrameType.CALL, id, length);
      outgoing.release(frame.put(code).put(body.array(), 0, body.size()).array());
    } catch (IOException e) {
      outgoing.release(EMPTY);
      throw e;
    } finally {
      standstill.release();
    }
    checkCallSurvived(id);
    return await(new Call(id, result));
  }

  private int register(CompletableFuture<Result> result) throws IOException {
    try {
      callSlots.acquire();
    } catch (InterruptedException e) {
      throw interrupted();
    }
    int id = nextId(lastCall);
    calls.put(id, result);
    return id;
  }

  private void unregister(int id) {
    if (calls.remove(id) != null) {
      callSlots.release();
    }
  }

  /** A stream to be named in a call. */
  AgentStream newStream(boolean sends, boolean receives) throws IOException {
    AgentStream stream = new AgentStream(this, nextId(lastStream), sends, receives);
    streams.put(stream.id(), stream);
    checkOpen();
    return stream;
  }

  /** Opens a stream to a port of the guest's loopback; gives it when the agent accepted. */
  AgentStream dial(int port) throws IOException, AgentErrorException {
    AgentStream stream = newStream(true, true);
    stream.awaitsAccept();
    int errno;
    try {
      send(FrameType.OPEN, stream.id(), new byte[] {3, (byte) (port >> 8), (byte) port}, 0, 3);
      errno = stream.awaitAccepted();
    } catch (IOException e) {
      // Interrupted: nobody is left to close it.
      stream.close();
      throw e;
    }
    if (errno != 0) {
      throw new AgentErrorException(errno, "connect to port " + port);
    }
    return stream;
  }

  void forget(AgentStream stream) {
    if (streams.remove(stream.id(), stream) && stream.id() < 0) {
      agentStreams.decrementAndGet();
    }
  }

  void forgetProcess(int call) {
    processes.remove(call);
  }

  void checkOpen() throws IOException {
    IOException reason = end.get();
    if (reason != null) {
      throw reason(reason);
    }
  }

  /**
   * Sends a frame of which nothing more is expected; that the connection is gone is told elsewhere.
   */
  void trySend(FrameType type, int id, int value) {
    byte[] payload = {
      (byte) (value >> 24), (byte) (value >> 16), (byte) (value >> 8), (byte) value
    };
    try {
      send(type, id, payload, 0, payload.length);
    } catch (IOException e) {
      end(e);
    }
  }

  void send(FrameType type, int id, byte[] payload, int offset, int length) throws IOException {
    frameLock.lock();
    try {
      checkOpen();
      outgoing.put(header(type, id, length), 0, FrameType.HEADER);
      outgoing.put(payload, offset, length);
    } catch (IOException e) {
      throw reason(e);
    } finally {
      frameLock.unlock();
    }
  }

  /** Ends the connection: whoever waits for something is told. Idempotent. */
  @Override
  public void close() {
    end(new IOException("The connection to the machine was closed."));
  }

  private void sendCall(int id, Operation operation, BodyWriter body) throws IOException {
    frameLock.lock();
    try {
      checkOpen();
      putCall(id, operation, body);
    } catch (IOException e) {
      throw reason(e);
    } finally {
      frameLock.unlock();
    }
  }

  private void putCall(int id, Operation operation, BodyWriter body) throws IOException {
    byte[] code = {(byte) (operation.code >> 8), (byte) operation.code};
    outgoing.put(header(FrameType.CALL, id, code.length + body.size()), 0, FrameType.HEADER);
    outgoing.put(code, 0, code.length);
    outgoing.put(body.array(), 0, body.size());
  }

  private byte[] header(FrameType type, int id, int length) {
    putHeader(header.clear(), type, id, length);
    return header.array();
  }

  private static void putHeader(ByteBuffer frame, FrameType type, int id, int length) {
    frame.putInt(length).put((byte) type.code).put((byte) 0).putShort((short) 0).putInt(id);
  }

  private void writeUntilEnd() {
    try {
      ByteBuffer bytes;
      while ((bytes = outgoing.take()) != null) {
        while (bytes.hasRemaining()) {
          channel.write(bytes);
        }
      }
    } catch (IOException e) {
      // "Broken pipe": the reader may say the same.
      end(new IOException(MACHINE_ENDED));
    }
  }

  private void readUntilEnd() {
    ByteBuffer buffer = ByteBuffer.allocateDirect(READ_BUFFER).flip();
    try {
      while (true) {
        fill(buffer, FrameType.HEADER);
        int length = buffer.getInt();
        int code = buffer.get() & 0xff;
        int zero = (buffer.get() & 0xff) << 16 | (buffer.getShort() & 0xffff);
        int id = buffer.getInt();
        if (zero != 0) {
          throw new ProtocolException("a header whose zeros are none");
        }
        FrameType type = FrameType.received(code, length);
        fill(buffer, length);
        if (type == FrameType.DATA) {
          onData(id, buffer, length);
        } else {
          byte[] payload = length == 0 ? EMPTY : new byte[length];
          buffer.get(payload);
          dispatch(type, id, payload);
        }
      }
    } catch (IOException e) {
      end(e);
    } catch (RuntimeException | Error e) {
      end(new IOException("The channel's reader failed: " + e, e));
      throw e;
    }
  }

  /** Makes at least so many bytes readable. */
  private void fill(ByteBuffer buffer, int bytes) throws IOException {
    if (buffer.remaining() >= bytes) {
      return;
    }
    buffer.compact();
    while (buffer.position() < bytes) {
      if (read(buffer) < 0) {
        throw new IOException(MACHINE_ENDED);
      }
    }
    buffer.flip();
  }

  private int read(ByteBuffer buffer) throws IOException {
    try {
      return channel.read(buffer);
    } catch (SocketException e) {
      // "Connection reset": what it had not read when it ended.
      throw new IOException(MACHINE_ENDED);
    }
  }

  private void dispatch(FrameType type, int id, byte[] payload) throws IOException {
    switch (type) {
      case HELLO -> onHello(new BodyReader(payload));
      case RESULT -> onResult(id, new BodyReader(payload, this::violation));
      case EXIT -> onExit(id, new BodyReader(payload));
      case OPEN -> onOpen(id, new BodyReader(payload));
      case CALL -> throw new ProtocolException("a CALL, which only the host makes");
      default -> onStreamFrame(type, id, payload);
    }
  }

  private void onHello(BodyReader body) throws ProtocolException {
    int version = body.u32();
    if (body.u32() != MAGIC || version != VERSION) {
      throw new ProtocolException(
          "it speaks version " + Integer.toUnsignedLong(version) + ", not " + VERSION);
    }
    greeted.complete(null);
  }

  private void onResult(int id, BodyReader body) throws ProtocolException {
    CompletableFuture<Result> call = calls.get(id);
    if (call == null) {
      throw new ProtocolException("a RESULT that nobody waits for");
    }
    Result result = new Result(errno(body), body);
    calls.remove(id);
    callSlots.release();
    call.complete(result);
  }

  private void onExit(int id, BodyReader body) throws ProtocolException {
    ExitListener process = processes.get(id);
    if (process == null || calls.containsKey(id)) {
      throw new ProtocolException("an EXIT of a process that does not run");
    }
    int code = body.u32();
    int signal = body.u32();
    int oom = body.u8();
    if (code < 0 || code > 255 || signal < 0 || signal > 64 || oom > 2) {
      throw new ProtocolException("an EXIT that cannot be");
    }
    processes.remove(id);
    process.onExit(new ProcessExit(code, signal, oom, body.u64()));
  }

  private void onOpen(int id, BodyReader body) throws ProtocolException {
    if (id >= 0) {
      throw new ProtocolException("an OPEN with an id of the host's");
    }
    if (agentStreams.incrementAndGet() > STREAMS_OF_AGENT) {
      throw new ProtocolException("more than " + STREAMS_OF_AGENT + " streams");
    }
    int kind = body.u8();
    boolean connects = kind == 1;
    AgentStream stream = new AgentStream(this, id, connects, connects);
    if (streams.putIfAbsent(id, stream) != null) {
      throw new ProtocolException("an OPEN of what is open");
    }
    Incoming asked = new Incoming(stream);
    switch (kind) {
      case 1 -> {
        int form = body.u8();
        byte[] host = form == 0 ? body.bytes(253) : body.fixed(form == 4 ? 4 : 16);
        int port = body.u16();
        body.end();
        String text = EgressTarget.text(form, host);
        handle("egress", stream, () -> incoming.connect(asked, text, form == 0, port));
      }
      case 2 -> {
        String name = EgressTarget.text(0, body.bytes(253));
        body.end();
        handle("lookup", stream, () -> incoming.lookup(asked, name));
      }
      default -> throw new ProtocolException("an OPEN of kind " + kind);
    }
  }

  private void handle(String name, AgentStream stream, Runnable handler) {
    if (!handlers.tryAcquire()) {
      stream.refuse(EAGAIN);
      return;
    }
    Thread.ofVirtual()
        .name(name)
        .start(
            () -> {
              try {
                handler.run();
              } finally {
                handlers.release();
              }
            });
  }

  /** Copies straight into what the stream keeps. */
  private void onData(int id, ByteBuffer buffer, int length) throws ProtocolException {
    int received = buffer.limit();
    int end = buffer.position() + length;
    AgentStream stream = streamOf(FrameType.DATA, id);
    if (stream != null) {
      buffer.limit(end);
      stream.onData(buffer);
    }
    buffer.limit(received).position(end);
  }

  /** Null where the frame crossed with our RESET. */
  private @Nullable AgentStream streamOf(FrameType type, int id) throws ProtocolException {
    AgentStream stream = streams.get(id);
    // An id that was never allotted cannot have been reset.
    if (stream == null && (id > lastStream.get() || id == 0)) {
      throw new ProtocolException("a " + type + " for a stream that never was");
    }
    return stream;
  }

  private void onStreamFrame(FrameType type, int id, byte[] payload) throws IOException {
    AgentStream stream = streamOf(type, id);
    if (stream == null) {
      return;
    }
    switch (type) {
      case END -> stream.onEnd();
      case RESET -> stream.onReset(errno(new BodyReader(payload)));
      case CREDIT -> stream.onCredit(new BodyReader(payload).u32());
      case ACCEPT -> stream.onAccept();
      case REFUSE -> stream.onReset(errno(new BodyReader(payload)));
      default -> throw new ProtocolException("a " + type + " out of place");
    }
  }

  private static int errno(BodyReader body) throws ProtocolException {
    int errno = body.u32();
    if (errno < 0 || errno > LARGEST_ERRNO) {
      throw new ProtocolException("errno " + Integer.toUnsignedLong(errno));
    }
    return errno;
  }

  /**
   * Ends the connection for what was found wrong after the reader had passed it on; to be thrown.
   */
  ProtocolException violation(String message) {
    ProtocolException violation = new ProtocolException(message);
    end(violation);
    return violation;
  }

  private void end(IOException reason) {
    if (!end.compareAndSet(null, reason)) {
      return;
    }
    outgoing.close();
    try {
      channel.close();
    } catch (IOException e) {
      reason.addSuppressed(e);
    }
    calls.values().forEach(call -> call.completeExceptionally(reason));
    // Whoever waits for a slot finds the connection gone.
    callSlots.release(MANY);
    processes.values().forEach(process -> process.onConnectionEnd(reason));
    streams.values().forEach(AgentStream::onConnectionEnd);
    greeted.completeExceptionally(reason);
    ended.complete(reason);
  }

  /** A call that was registered while the connection ended would wait for ever. */
  private void checkCallSurvived(int id) {
    IOException reason = end.get();
    CompletableFuture<Result> call = calls.get(id);
    if (reason != null && call != null) {
      call.completeExceptionally(reason);
    }
  }

  private static int nextId(AtomicInteger last) throws IOException {
    int id = last.incrementAndGet();
    if (id <= 0) {
      throw new IOException("This sandbox has used up its ids; make a new one.");
    }
    return id;
  }

  /** The reason of the end, as an exception of the thread that meets it. */
  private IOException reason(Throwable cause) {
    IOException first = end.get();
    Throwable shown = first != null ? first : cause;
    return new ConnectionEndedException(String.valueOf(shown.getMessage()), shown);
  }

  private static InterruptedIOException interrupted() {
    Thread.currentThread().interrupt();
    return new InterruptedIOException("Interrupted while waiting for the sandbox.");
  }
}
