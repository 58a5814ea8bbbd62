package dev.belljar.server.rpc;

import dev.belljar.SandboxClosedException;
import dev.belljar.server.observe.ServerEvents;
import dev.belljar.server.rpc.Method.Answer;
import dev.belljar.server.sandboxes.Closing;
import dev.belljar.server.sandboxes.HostedSandbox;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.websocket.api.Callback;
import org.eclipse.jetty.websocket.api.Session;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * One client on a sandbox. Every request runs on a thread of its own; reading goes on meanwhile,
 * and stops only while more is held for streams than the bounds allow.
 */
public final class RpcSocket implements Session.Listener, HostedSandbox.Connection {
  private static final Logger LOG = LoggerFactory.getLogger(RpcSocket.class);

  /** The largest message that a client may send, in characters: a file of 128 MiB as base64. */
  public static final int LARGEST_MESSAGE = 176 << 20;

  /** Requests that may wait for an answer; one more is refused. */
  static final int MOST_REQUESTS = 16_384;

  /** Requests that are worked on at the same time; the rest wait for their turn. */
  private static final int CONCURRENT = 256;

  /** Refusals and the like that may wait to be sent. */
  private static final int MOST_DEFERRED = 20_000;

  /** Messages up to this size are not counted against the heap's budget. */
  private static final int SMALL = 1 << 20;

  /** How long bytes may wait for a reader before their stream is given up. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private static final int METHOD_NOT_FOUND = -32601;
  private static final int INVALID_REQUEST = -32600;
  private static final int INVALID_PARAMS = -32602;
  private static final int SERVER_ERROR = -32000;

  private final HostedSandbox hosted;
  private final boolean creating;
  private final String trace;
  private final HeapBudget budget;
  private final ServerEvents events;
  private final Map<String, Method> methods = new HashMap<>();
  private final Map<JsonNode, Exchange> exchanges = new ConcurrentHashMap<>();
  private final Semaphore turns = new Semaphore(CONCURRENT);
  private final AtomicBoolean pongDue = new AtomicBoolean();
  private final AtomicInteger deferred = new AtomicInteger();
  private final AtomicBoolean closed = new AtomicBoolean();
  private final AtomicBoolean paused = new AtomicBoolean();
  private final StringBuilder message = new StringBuilder();
  private long taken;

  private @Nullable Session session;
  private @Nullable Outbox outbox;
  private @Nullable RpcSession rpc;

  /**
   * A socket that is not open yet.
   *
   * @param creating whether the sandbox was made by this socket's handshake
   * @param trace what logs call this client's doings
   */
  public RpcSocket(
      HostedSandbox hosted,
      boolean creating,
      String trace,
      HeapBudget budget,
      ServerEvents events) {
    this.hosted = hosted;
    this.creating = creating;
    this.trace = trace;
    this.budget = budget;
    this.events = events;
  }

  /** The sandbox that it leads to. */
  public String sandboxId() {
    return hosted.id();
  }

  @Override
  public void onWebSocketOpen(Session opened) {
    session = opened;
    outbox = new Outbox(opened);
    rpc =
        new RpcSession(
            hosted, outbox, new IncomingStreams(this::cancel, this::resume), budget, events);
    new FileMethods(rpc).register(methods);
    ProcessMethods processes = new ProcessMethods(rpc);
    processes.register(methods);
    new DenoMethods(rpc, processes).register(methods);
    new EnvMethods(rpc).register(methods);
    methods.put("abort", this::abort);
    methods.put("exposeHttp", params -> notSupported("exposeHttp"));
    methods.put("vscode", params -> notSupported("vscode"));
    events.socketOpened();
    hosted.opened(this);
    opened.demand();
  }

  @Override
  public void onWebSocketPartialText(String part, boolean last) {
    if (closed.get()) {
      return;
    }
    long length = (long) message.length() + part.length();
    if (length > LARGEST_MESSAGE) {
      close(Closing.TOO_BIG, "A message may have " + (LARGEST_MESSAGE >> 20) + " MiB at most.");
      return;
    }
    // What was read is held about three times: as text, as JSON and as bytes.
    if (length > SMALL && length * 3 > taken) {
      if (!budget.tryTake(length * 6 - taken)) {
        close(Closing.TRY_AGAIN_LATER, "The server has no memory left for this message.");
        return;
      }
      taken = length * 6;
    }
    if (!last) {
      message.append(part);
      demand();
      return;
    }
    String text = message.isEmpty() ? part : message.append(part).toString();
    message.setLength(0);
    if (message.capacity() > SMALL) {
      message.trimToSize();
    }
    long held = taken;
    taken = 0;
    receive(text, held);
    if (!closed.get()) {
      pauseOrDemand();
    }
  }

  @Override
  public void onWebSocketPartialBinary(ByteBuffer bytes, boolean last, Callback callback) {
    callback.succeed();
    close(Closing.UNSUPPORTED_DATA, "Messages are text.");
  }

  @Override
  public void onWebSocketPing(ByteBuffer payload) {
    Session open = session;
    if (open != null) {
      open.sendPong(payload, Callback.NOOP);
      demand();
    }
  }

  @Override
  public void onWebSocketPong(ByteBuffer payload) {
    demand();
  }

  @Override
  public void onWebSocketError(Throwable cause) {
    LOG.debug("Socket of {} failed", hosted.id(), cause);
    ended();
  }

  @Override
  public void onWebSocketClose(int code, String reason, Callback callback) {
    ended();
    callback.succeed();
  }

  @Override
  public void close(int code, String reason) {
    Session open = session;
    if (open != null) {
      open.close(code, reason, Callback.NOOP);
    }
    ended();
  }

  /** Everything that belongs to the socket ends; done once. */
  private void ended() {
    if (!closed.compareAndSet(false, true)) {
      return;
    }
    exchanges.values().forEach(Exchange::abort);
    RpcSession open = rpc;
    if (open != null) {
      open.close();
      events.socketClosed();
    }
    budget.give(taken);
    hosted.closed(this, creating);
  }

  private void demand() {
    Session open = session;
    if (open != null && !closed.get()) {
      open.demand();
    }
  }

  // Reading.

  private void receive(String text, long held) {
    if (text.equals("ping")) {
      pong();
      return;
    }
    JsonNode root;
    try {
      root = Json.MAPPER.readTree(text);
    } catch (JacksonException e) {
      budget.give(held);
      close(Closing.INVALID_JSON, "Invalid JSON");
      return;
    }
    if (!isMessage(root)) {
      budget.give(held);
      close(Closing.INVALID_JSON_RPC, "Invalid message");
      return;
    }
    JsonNode id = root.get("id");
    JsonNode method = root.get("method");
    if (method == null) {
      // An answer to a question that was never asked.
      budget.give(held);
    } else if (id == null) {
      notified(method.stringValue(), root.get("params"));
      budget.give(held);
    } else {
      requested(id, method.stringValue(), root.get("params"), held);
    }
  }

  private static boolean isMessage(JsonNode root) {
    JsonNode version = root.get("jsonrpc");
    if (!root.isObject()
        || version == null
        || !version.isString()
        || !version.stringValue().equals("2.0")) {
      return false;
    }
    JsonNode id = root.get("id");
    JsonNode method = root.get("method");
    boolean goodId = id == null || id.isString() || id.isNumber();
    return goodId
        && (method == null
            ? id != null && (root.has("result") || root.has("error"))
            : method.isString());
  }

  private void pong() {
    // One is enough for however many pings came while it waited for its turn.
    if (pongDue.compareAndSet(false, true)) {
      Thread.ofVirtual()
          .name("pong")
          .start(
              () -> {
                pongDue.set(false);
                send("pong");
              });
    }
  }

  private void notified(String method, @Nullable JsonNode content) {
    RpcSession open = rpc;
    if (open == null) {
      return;
    }
    Params params = Params.of(content);
    long id = params.integer("streamId");
    try {
      switch (method) {
        case "$sandbox.stream.start" -> {
          params.check();
          open.incoming().start(id);
        }
        case "$sandbox.stream.enqueue" -> {
          byte[] data = params.bytes("data");
          params.check();
          open.incoming().enqueue(id, data);
        }
        case "$sandbox.stream.end" -> {
          params.check();
          open.incoming().end(id);
        }
        case "$sandbox.stream.error" -> {
          params.check();
          String reason =
              params.object("error").optionalString("message").orElse("no reason given");
          open.incoming().fail(id, "The client's stream broke off: " + reason);
        }
        case "$sandbox.stream.cancel" -> {
          params.check();
          open.outgoing().cancel(id);
        }
        default -> LOG.debug("Notification {} is not known", method);
      }
    } catch (InvalidParamsException e) {
      LOG.debug("{} with wrong parameters: {}", method, e.getMessage());
      if (method.equals("$sandbox.stream.enqueue")) {
        open.incoming().fail(id, "A part of the client's stream was not base64.");
      }
    }
  }

  private void pauseOrDemand() {
    RpcSession open = rpc;
    if (open == null || !open.incoming().full()) {
      demand();
      return;
    }
    paused.set(true);
    long consumed = open.incoming().consumed();
    Thread.ofVirtual().name("patience").start(() -> awaitReader(open.incoming(), consumed));
    // A reader may have come between the two.
    resume();
  }

  private void resume() {
    RpcSession open = rpc;
    if (open != null && !open.incoming().full() && paused.compareAndSet(true, false)) {
      demand();
    }
  }

  /** While nothing is read of what is held, the whole socket stands still: not for ever. */
  private void awaitReader(IncomingStreams streams, long consumed) {
    long before = consumed;
    try {
      while (paused.get() && !closed.get()) {
        Thread.sleep(PATIENCE);
        if (paused.get() && streams.consumed() == before) {
          streams.giveUpLargest(
              "Nobody read this stream for " + PATIENCE.toSeconds() + " s; it was given up.");
        }
        before = streams.consumed();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  // Requests.

  private void requested(JsonNode id, String name, @Nullable JsonNode params, long held) {
    Method method = methods.get(name);
    if (method == null) {
      budget.give(held);
      refuse(id, METHOD_NOT_FOUND, "Method not found", null);
      return;
    }
    if (exchanges.size() >= MOST_REQUESTS) {
      budget.give(held);
      refuse(id, SERVER_ERROR, "At most " + MOST_REQUESTS + " requests may wait at once", null);
      return;
    }
    Exchange exchange = new Exchange(id, name, method, Params.of(params), held);
    if (exchanges.putIfAbsent(id, exchange) != null) {
      budget.give(held);
      refuse(id, INVALID_REQUEST, "Invalid Request: a request of this id is under way", null);
      return;
    }
    Thread.ofVirtual().name(name + " of " + hosted.id()).start(exchange);
  }

  private final class Exchange implements Runnable {
    private final JsonNode id;
    private final String name;
    private final Method method;
    private final Params params;
    private final long held;
    private @Nullable Thread thread;
    private boolean aborted;
    private boolean done;

    Exchange(JsonNode id, String name, Method method, Params params, long held) {
      this.id = id;
      this.name = name;
      this.method = method;
      this.params = params;
      this.held = held;
    }

    boolean carries(long abortId) {
      JsonNode carried = params.node().get("abortId");
      return carried != null && carried.isIntegralNumber() && carried.longValue() == abortId;
    }

    synchronized void abort() {
      aborted = true;
      if (thread != null && !done) {
        thread.interrupt();
      }
    }

    @Override
    public void run() {
      MDC.put("trace", trace);
      if (!begin()) {
        answered(() -> failed(WireError.aborted()));
        return;
      }
      Runnable answer;
      boolean turn = false;
      try {
        // What waits for something else to happen must not keep those from running that would do
        // it.
        if (!WAITING.contains(name)) {
          turns.acquire();
          turn = true;
        }
        Answer result = method.call(params);
        answer = () -> succeed(result);
      } catch (InvalidParamsException e) {
        answer = () -> refuse(id, INVALID_PARAMS, "Invalid params", e.data());
      } catch (Method.Failure e) {
        answer = () -> failed(e.error());
      } catch (InterruptedException e) {
        answer = () -> failed(WireError.aborted());
      } catch (Exception e) {
        answer = () -> failed(isAborted() ? WireError.aborted() : error(e));
      } catch (StackOverflowError | OutOfMemoryError e) {
        LOG.warn("{} of {} failed", name, hosted.id(), e);
        answer = () -> failed(WireError.of("Error", "The server could not do this: " + e, null));
      } finally {
        if (turn) {
          turns.release();
        }
      }
      answered(answer);
    }

    private synchronized boolean begin() {
      thread = Thread.currentThread();
      return !aborted;
    }

    private synchronized boolean isAborted() {
      return aborted;
    }

    private void answered(Runnable answer) {
      synchronized (this) {
        done = true;
        // An abort that came late must not meet the sending.
        if (Thread.interrupted()) {
          LOG.debug("{} was aborted when it was done", name);
        }
      }
      exchanges.remove(id, this);
      budget.give(held);
      answer.run();
    }

    private WireError error(Exception e) {
      if (!(e instanceof dev.belljar.BelljarException)) {
        LOG.warn("{} of {} failed", name, hosted.id(), e);
      }
      if (e instanceof SandboxClosedException) {
        return WireError.of("Error", String.valueOf(e.getMessage()), "SANDBOX_ENDED");
      }
      return WireError.of(e);
    }

    private void succeed(Answer answer) {
      switch (answer) {
        case Answer.Value value ->
            send(
                "{\"jsonrpc\":\"2.0\",\"id\":" + id + ",\"result\":{\"ok\":" + value.node() + "}}");
        case Answer.Bytes bytes -> {
          try {
            Outbox out = outbox;
            if (out != null) {
              out.send(
                  "{\"jsonrpc\":\"2.0\",\"id\":" + id + ",\"result\":{\"ok\":\"",
                  bytes.bytes(),
                  "\"}}");
            }
          } catch (IOException e) {
            // The client is gone.
          } finally {
            bytes.sent().run();
          }
        }
      }
    }

    private void failed(WireError error) {
      ObjectNode answer = Json.NODES.objectNode().put("jsonrpc", "2.0");
      answer.set("id", id);
      answer.putObject("result").set("error", error.toJson());
      send(answer.toString());
    }
  }

  /** Calls that do nothing but wait. */
  private static final java.util.Set<String> WAITING =
      java.util.Set.of(
          "processWait",
          "denoHttpWait",
          "fileLock",
          "abort",
          "processKill",
          "writeFile",
          "writeTextFile",
          "fetch");

  private Answer abort(Params params) throws InvalidParamsException {
    long abortId = params.integer("abortId");
    params.check();
    exchanges.values().stream()
        .filter(exchange -> exchange.carries(abortId))
        .forEach(Exchange::abort);
    return Answer.DONE;
  }

  private static Answer notSupported(String what) throws Method.Failure {
    throw new Method.Failure(
        WireError.of("NotSupported", what + " is not supported by this server", null));
  }

  // Sending.

  private void refuse(JsonNode id, int code, String text, @Nullable ObjectNode data) {
    ObjectNode answer = Json.NODES.objectNode().put("jsonrpc", "2.0");
    answer.set("id", id);
    ObjectNode error = answer.putObject("error").put("code", code).put("message", text);
    if (data != null) {
      error.set("data", data);
    }
    sendLater(answer.toString());
  }

  private void cancel(long streamId, String reason) {
    String params =
        Json.NODES
            .objectNode()
            .put("streamId", streamId)
            .set("reason", WireError.of("Error", reason, null).toJson())
            .toString();
    sendLater(
        "{\"jsonrpc\":\"2.0\",\"method\":\"$sandbox.stream.cancel\",\"params\":" + params + "}");
  }

  /** Sends without waiting: the thread that reads must not wait for a client that does not. */
  private void sendLater(String text) {
    if (deferred.incrementAndGet() > MOST_DEFERRED) {
      close(Closing.POLICY, "The client does not read what it is told.");
      return;
    }
    Thread.ofVirtual()
        .name("told later")
        .start(
            () -> {
              try {
                send(text);
              } finally {
                deferred.decrementAndGet();
              }
            });
  }

  private void send(String text) {
    Outbox out = outbox;
    if (out == null || closed.get()) {
      return;
    }
    try {
      out.send(text);
    } catch (IOException e) {
      LOG.debug("Nothing can be sent to a client of {}", hosted.id(), e);
      ended();
    }
  }
}
