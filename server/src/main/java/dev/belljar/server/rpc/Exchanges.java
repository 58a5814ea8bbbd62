package dev.belljar.server.rpc;

import dev.belljar.server.rpc.Method.Answer;
import dev.belljar.server.sandboxes.HostedSandbox;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** The requests of one socket that are under way, in bounds. */
final class Exchanges implements AutoCloseable {
  /** Requests that may wait for an answer; one more is refused. */
  static final int MOST_REQUESTS = 16_384;

  /** Requests that are worked on at the same time; the rest wait for their turn. */
  private static final int CONCURRENT = 256;

  /** Calls that do nothing but wait, and that which ends the waiting of all others. */
  private static final Set<String> WAITING =
      Set.of(
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
          "fetch",
          "resume");

  private static final int METHOD_NOT_FOUND = -32601;
  private static final int INVALID_REQUEST = -32600;
  private static final int SERVER_ERROR = -32000;

  private final HostedSandbox hosted;
  private final Map<String, String> client;
  private final RpcSession session;
  private final HeapBudget budget;
  private final Replies replies;
  private final Connection connection;
  private final Map<String, Method> methods = new HashMap<>();
  private final Map<JsonNode, Exchange> underWay = new ConcurrentHashMap<>();
  private final Semaphore turns = new Semaphore(CONCURRENT);
  private final AtomicInteger unanswered = new AtomicInteger();
  private volatile boolean closed;

  /** What closes a socket. */
  @FunctionalInterface
  interface Connection {
    void close(int code, String reason);
  }

  /**
   * No requests yet.
   *
   * @param client who it is, for the log
   */
  Exchanges(
      HostedSandbox hosted,
      Map<String, String> client,
      RpcSession session,
      Replies replies,
      Connection connection) {
    this.hosted = hosted;
    this.client = client;
    this.session = session;
    this.budget = session.budget();
    this.replies = replies;
    this.connection = connection;
    new FileMethods(session).register(methods);
    ProcessMethods processes = new ProcessMethods(session);
    processes.register(methods);
    new DenoMethods(session, processes).register(methods);
    new EnvMethods(session).register(methods);
    new StandstillMethods(session).register(methods);
    methods.put("abort", this::abort);
    methods.put("exposeHttp", params -> notSupported("exposeHttp"));
    methods.put("vscode", params -> notSupported("vscode"));
  }

  /**
   * Begins to work on a request, or refuses it. Does not block.
   *
   * @param held of the heap; given back when it is over
   */
  void begin(JsonNode id, String name, @Nullable JsonNode params, long held) {
    Method method = methods.get(name);
    if (method == null) {
      budget.give(held);
      replies.refuse(id, METHOD_NOT_FOUND, "Method not found");
      return;
    }
    if (unanswered.get() >= MOST_REQUESTS) {
      budget.give(held);
      replies.refuse(id, SERVER_ERROR, "At most " + MOST_REQUESTS + " requests may wait at once");
      return;
    }
    Exchange exchange = new Exchange(this, id, name, method, Params.of(params), held);
    if (underWay.putIfAbsent(id, exchange) != null) {
      budget.give(held);
      replies.refuse(id, INVALID_REQUEST, "Invalid Request: a request of this id is under way");
      return;
    }
    unanswered.incrementAndGet();
    Thread.ofVirtual().name(name + " of " + hosted.id()).start(exchange);
    if (closed) {
      // The socket ended meanwhile and may have missed this one.
      exchange.abort();
    }
  }

  private Answer abort(Params params) throws InvalidParamsException {
    long abortId = params.integer("abortId");
    params.check();
    underWay.values().stream()
        .filter(exchange -> exchange.carries(abortId))
        .forEach(Exchange::abort);
    // What a call that was answered goes on sending.
    session.outgoing().abort(abortId);
    return Answer.DONE;
  }

  private static Answer notSupported(String what) throws Method.Failure {
    throw new Method.Failure(
        WireError.of("NotSupported", what + " is not supported by this server", null));
  }

  /** Aborts all. */
  @Override
  public void close() {
    closed = true;
    underWay.values().forEach(Exchange::abort);
  }

  // For an exchange.

  /** Waits until it may work; false where it need not, and has no turn to give back. */
  boolean awaitTurn(Exchange exchange) throws InterruptedException {
    // What waits for something else to happen must not keep those from running that would do it.
    if (WAITING.contains(exchange.name())) {
      return false;
    }
    turns.acquire();
    return true;
  }

  /** Its id may be used again. */
  void free(Exchange exchange) {
    underWay.remove(exchange.id(), exchange);
  }

  void over(Exchange exchange, boolean turn) {
    free(exchange);
    unanswered.decrementAndGet();
    budget.give(exchange.held());
    if (turn) {
      turns.release();
    }
  }

  Replies replies() {
    return replies;
  }

  Map<String, String> client() {
    return client;
  }

  String sandboxId() {
    return hosted.id();
  }

  void closeSocket(int code, String reason) {
    connection.close(code, reason);
  }
}
