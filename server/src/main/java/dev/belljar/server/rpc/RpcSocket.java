package dev.belljar.server.rpc;

import dev.belljar.BelljarException;
import dev.belljar.SandboxClosedException;
import dev.belljar.server.observe.ServerEvents;
import dev.belljar.server.rpc.Method.Answer;
import dev.belljar.server.sandboxes.Closing;
import dev.belljar.server.sandboxes.HostedSandbox;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.MalformedInputException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.eclipse.jetty.websocket.api.Callback;
import org.eclipse.jetty.websocket.api.Frame;
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

  /** Refusals and the like that may wait to be sent before the socket is no longer read. */
  static final int MOST_DEFERRED = 1000;

  /** What a request costs beside its text: its thread and its tree. */
  private static final int REQUEST_COST = 1024;

  /** Answers from this size on are counted against the heap's budget. */
  private static final int LARGE_ANSWER = 64 << 10;

  /** The longest id that a request may have; it is repeated in the answer. */
  private static final int LONGEST_ID = 256;

  /** How long a large answer waits for memory. */
  private static final Duration MEMORY_PATIENCE = Duration.ofSeconds(30);

  private static final String NO_MEMORY = "The server has no memory left for this message.";

  private static final int METHOD_NOT_FOUND = -32601;
  private static final int INVALID_REQUEST = -32600;
  private static final int INVALID_PARAMS = -32602;
  private static final int SERVER_ERROR = -32000;

  private final HostedSandbox hosted;
  private final boolean creating;
  private final String trace;
  private final SocketLimits limits;
  private final HeapBudget budget;
  private final ServerEvents events;
  private final AtomicBoolean begun = new AtomicBoolean();
  private final Map<String, Method> methods = new HashMap<>();
  private final Map<JsonNode, Exchange> exchanges = new ConcurrentHashMap<>();
  private final Semaphore turns = new Semaphore(CONCURRENT);
  private final AtomicInteger unanswered = new AtomicInteger();
  private final AtomicInteger deferred = new AtomicInteger();
  private final AtomicBoolean closed = new AtomicBoolean();
  private final AtomicBoolean paused = new AtomicBoolean();
  private final AtomicBoolean watched = new AtomicBoolean();
  private final AtomicLong taken = new AtomicLong();

  /** What comes in; only the thread that reads uses it. */
  private @Nullable IncomingMessage message;

  private volatile @Nullable Session session;
  private volatile @Nullable Outbox outbox;
  private volatile @Nullable RpcSession rpc;

  /**
   * A socket that is not open yet.
   *
   * @param creating whether the sandbox was made by this socket's handshake
   * @param trace what logs call this client's doings
   * @param limits of the organization
   */
  public RpcSocket(
      HostedSandbox hosted,
      boolean creating,
      String trace,
      SocketLimits limits,
      ServerEvents events) {
    this.hosted = hosted;
    this.creating = creating;
    this.trace = trace;
    this.limits = limits;
    this.budget = limits.heap();
    this.events = events;
  }

  /** The sandbox that it leads to. */
  public String sandboxId() {
    return hosted.id();
  }

  /**
   * Ends a sandbox whose client went before its socket was open: nobody knows of it. Does nothing
   * where the socket was opened.
   */
  public void abandon() {
    if (creating && begun.compareAndSet(false, true)) {
      LOG.info("The client that made {} never opened its socket", hosted.id());
      hosted.sandbox().kill();
    }
  }

  @Override
  public void onWebSocketOpen(Session opened) {
    session = opened;
    if (!begun.compareAndSet(false, true)) {
      close(Closing.NORMAL, "The handshake took too long; the sandbox has ended.");
      return;
    }
    outbox = new Outbox(opened);
    rpc =
        new RpcSession(
            hosted,
            outbox,
            new IncomingStreams(budget, this::cancel, this::resume),
            budget,
            events);
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

  /** Every frame comes here as it is: making strings of them would cost more than all the rest. */
  @Override
  public void onWebSocketFrame(Frame frame, Callback callback) {
    ByteBuffer payload = frame.getPayload();
    switch (frame.getType()) {
      case TEXT, CONTINUATION -> {
        if (!closed.get()) {
          byte[] part = new byte[payload.remaining()];
          payload.get(part);
          received(part, frame.isFin());
        }
        callback.succeed();
      }
      case BINARY -> {
        callback.succeed();
        close(Closing.UNSUPPORTED_DATA, "Messages are text.");
      }
      case PING -> pinged(payload, callback);
      case PONG -> {
        callback.succeed();
        demand();
      }
      case CLOSE -> callback.succeed();
    }
  }

  private void received(byte[] part, boolean last) {
    IncomingMessage incoming = message == null ? new IncomingMessage() : message;
    message = incoming;
    incoming.add(part, part.length);
    if (incoming.characters() > LARGEST_MESSAGE) {
      close(Closing.TOO_BIG, "A message may have " + (LARGEST_MESSAGE >> 20) + " MiB at most.");
      return;
    }
    if (!grow(incoming.cost() + REQUEST_COST)) {
      close(Closing.TRY_AGAIN_LATER, NO_MEMORY);
      return;
    }
    if (!last) {
      demand();
      return;
    }
    message = null;
    receive(incoming);
    if (!closed.get()) {
      pauseOrDemand();
    }
  }

  /**
   * Takes what the message needs now; given back by whoever comes first, the socket's end or it.
   */
  private boolean grow(long needed) {
    long more = needed - taken.get();
    if (more > 0) {
      if (!budget.tryTake(more)) {
        return false;
      }
      taken.addAndGet(more);
      if (closed.get()) {
        budget.give(taken.getAndSet(0));
      }
    }
    return true;
  }

  private void pinged(ByteBuffer payload, Callback callback) {
    Session open = session;
    if (open != null) {
      // The next frame is asked for when this one is answered: pongs must not pile up.
      open.sendPong(
          payload,
          Callback.from(
              () -> {
                callback.succeed();
                demand();
              },
              failure -> {
                callback.fail(failure);
                ended();
              }));
    }
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
    budget.give(taken.getAndSet(0));
    hosted.closed(this, creating);
  }

  private void demand() {
    Session open = session;
    if (open != null && !closed.get()) {
      open.demand();
    }
  }

  // Reading.

  private void receive(IncomingMessage incoming) {
    if (incoming.is("ping")) {
      budget.give(taken.getAndSet(0));
      pong();
      return;
    }
    JsonNode root;
    try {
      root = incoming.tree();
      if (root.isMissingNode()) {
        throw new tools.jackson.core.exc.StreamReadException("nothing but space");
      }
    } catch (MalformedInputException e) {
      close(Closing.INVALID_TEXT, "Messages are UTF-8.");
      return;
    } catch (JacksonException e) {
      close(Closing.INVALID_JSON, "Invalid JSON");
      return;
    }
    JsonNode content = contentOf(root);
    if (incoming.hasDecodedMoreThan(content)) {
      if (!grow(incoming.costOfText() + REQUEST_COST)) {
        close(Closing.TRY_AGAIN_LATER, NO_MEMORY);
        return;
      }
      IncomingMessage.restoreStrings(root, content);
    }
    if (!isMessage(root)) {
      close(Closing.INVALID_JSON_RPC, "Invalid message");
      return;
    }
    long held = taken.getAndSet(0);
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

  /** What may stay decoded, as its method wants bytes; a missing node where there is no such. */
  private static JsonNode contentOf(JsonNode root) {
    JsonNode method = root.path("method");
    return method.isString() && method.stringValue().equals("writeFile")
        ? root.path("params").path("content")
        : Json.NODES.missingNode();
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
    boolean goodId = id == null || isId(id);
    return goodId
        && (method == null
            ? id != null && (root.has("result") || root.has("error"))
            : method.isString());
  }

  private static boolean isId(JsonNode id) {
    return id.isString()
        ? id.stringValue().length() <= LONGEST_ID
        : id.isNumber() && Double.isFinite(id.doubleValue());
  }

  private void pong() {
    Outbox out = outbox;
    // One is enough for however many pings came while it waited for its turn.
    if (out != null && out.pongDue()) {
      Thread.ofVirtual()
          .name("pong")
          .start(
              () -> {
                try {
                  out.pong();
                } catch (IOException e) {
                  ended();
                }
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
          events.bytesFromClients().addAndGet(data.length);
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
      if (method.equals("$sandbox.stream.enqueue") && params.node().path("streamId").isNumber()) {
        open.incoming().fail(id, "A part of the client's stream was not base64.");
      }
    }
  }

  private boolean mayRead() {
    RpcSession open = rpc;
    return deferred.get() < MOST_DEFERRED && (open == null || !open.incoming().full());
  }

  private void pauseOrDemand() {
    if (mayRead()) {
      demand();
      return;
    }
    paused.set(true);
    if (watched.compareAndSet(false, true)) {
      Thread.ofVirtual().name("patience").start(this::awaitReader);
    }
    // A reader may have come between the two.
    resume();
  }

  private void resume() {
    if (paused.get() && mayRead() && paused.compareAndSet(true, false)) {
      demand();
    }
  }

  /** While nothing is read of what is held, the whole socket stands still: not for ever. */
  private void awaitReader() {
    RpcSession open = rpc;
    if (open == null) {
      return;
    }
    IncomingStreams streams = open.incoming();
    try {
      while (true) {
        long before = streams.consumed();
        Thread.sleep(limits.patience());
        if (closed.get()) {
          return;
        }
        if (paused.get() && streams.full() && streams.consumed() == before) {
          streams.giveUpLargest(
              "Nobody read this stream for "
                  + limits.patience().toSeconds()
                  + " s; it was given up.");
        }
        if (!paused.get()) {
          watched.set(false);
          // It may have been paused again before that was said.
          if (!paused.get() || !watched.compareAndSet(false, true)) {
            return;
          }
        }
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
      refuse(id, METHOD_NOT_FOUND, "Method not found");
      return;
    }
    if (unanswered.get() >= MOST_REQUESTS) {
      budget.give(held);
      refuse(id, SERVER_ERROR, "At most " + MOST_REQUESTS + " requests may wait at once");
      return;
    }
    Exchange exchange = new Exchange(id, name, method, Params.of(params), held);
    if (exchanges.putIfAbsent(id, exchange) != null) {
      budget.give(held);
      refuse(id, INVALID_REQUEST, "Invalid Request: a request of this id is under way");
      return;
    }
    unanswered.incrementAndGet();
    Thread.ofVirtual().name(name + " of " + hosted.id()).start(exchange);
    if (closed.get()) {
      // The socket ended meanwhile and may have missed this one.
      exchange.abort();
    }
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
      return carried != null
          && !name.equals("abort")
          && carried.isNumber()
          && carried.doubleValue() == abortId;
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
      // Kept until the answer is out: a client that does not read cannot make more of them.
      boolean turn = false;
      try {
        if (!begin()) {
          answered(() -> failed(WireError.aborted()));
          return;
        }
        // What waits for something else to happen must not keep those from running that would do
        // it.
        if (!WAITING.contains(name)) {
          turns.acquire();
          turn = true;
        }
        answered(work());
      } catch (InterruptedException e) {
        answered(() -> failed(WireError.aborted()));
      } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
        LOG.warn("The answer to {} of {} could not be sent", name, hosted.id(), e);
        close(Closing.INTERNAL_ERROR, "The server failed.");
      } finally {
        exchanges.remove(id, this);
        unanswered.decrementAndGet();
        budget.give(held);
        if (turn) {
          turns.release();
        }
      }
    }

    private Runnable work() {
      try {
        Answer result = method.call(params);
        return () -> succeed(result);
      } catch (InvalidParamsException e) {
        return () -> fault(INVALID_PARAMS, "Invalid params", e.data());
      } catch (Method.Failure e) {
        return () -> failed(e.error());
      } catch (InterruptedException e) {
        return () -> failed(WireError.aborted());
      } catch (Exception e) {
        return () -> failed(isAborted() ? WireError.aborted() : error(e));
      } catch (StackOverflowError | OutOfMemoryError e) {
        LOG.warn("{} of {} failed", name, hosted.id(), e);
        return () -> failed(WireError.of("Error", "The server could not do this: " + e, null));
      }
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
      // The id is free from the moment that the client can know so.
      exchanges.remove(id, this);
      answer.run();
    }

    private WireError error(Exception e) {
      if (!(e instanceof BelljarException || e instanceof IOException)) {
        LOG.warn("{} of {} failed", name, hosted.id(), e);
      }
      if (e instanceof SandboxClosedException) {
        return WireError.of("Error", String.valueOf(e.getMessage()), "SANDBOX_ENDED");
      }
      return WireError.of(e);
    }

    private void succeed(Answer answer) {
      String head = "{\"jsonrpc\":\"2.0\",\"id\":" + id + ",\"result\":{\"ok\":";
      switch (answer) {
        case Answer.Value value -> say(head + value.node() + "}}");
        case Answer.Content content -> {
          try (HeldBytes bytes = content.bytes()) {
            Outbox out = outbox;
            if (out != null && !closed.get()) {
              out.send(head + "\"", bytes.pieces(), "\"}}");
            }
          } catch (IOException e) {
            ended();
          }
        }
      }
    }

    private void fault(int code, String text, ObjectNode data) {
      say(refusal(id, code, text, data));
    }

    /** Sends, counting what is large for as long as it waits to be sent. */
    private void say(String text) {
      long cost = text.length() < LARGE_ANSWER ? 0 : text.length() * 2L;
      try {
        if (!budget.take(cost, MEMORY_PATIENCE)) {
          failed(WireError.of("Error", "The server has no memory left for this answer.", "ENOMEM"));
          return;
        }
      } catch (InterruptedException e) {
        return;
      }
      try {
        send(text);
      } finally {
        budget.give(cost);
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
          "denoReplEval",
          "denoReplCall",
          "dial",
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

  private void refuse(JsonNode id, int code, String text) {
    sendLater(refusal(id, code, text, null));
  }

  private static String refusal(JsonNode id, int code, String text, @Nullable ObjectNode data) {
    ObjectNode answer = Json.NODES.objectNode().put("jsonrpc", "2.0");
    answer.set("id", id);
    ObjectNode error = answer.putObject("error").put("code", code).put("message", text);
    if (data != null) {
      error.set("data", data);
    }
    return answer.toString();
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
    deferred.incrementAndGet();
    Thread.ofVirtual()
        .name("told later")
        .start(
            () -> {
              try {
                send(text);
              } finally {
                deferred.decrementAndGet();
                resume();
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
