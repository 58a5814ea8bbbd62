package dev.belljar.remote;

import dev.belljar.BelljarException;
import dev.belljar.InvalidOptionException;
import dev.belljar.SandboxClosedException;
import java.io.IOException;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Calls to one sandbox and the streams that belong to them, over a socket. Calls of several threads
 * are under way at once; their answers come in any order.
 */
@SuppressWarnings("FutureReturnValueIgnored") // what hangs on its futures cannot fail
final class Rpc implements Socket.Receiver {
  private static final int INVALID_JSON = 4000;
  private static final int INVALID_MESSAGE = 4001;
  private static final int METHOD_NOT_FOUND = -32601;
  private static final int INVALID_PARAMS = -32602;

  private final Socket socket;
  private final Server server;
  private final String sandboxId;
  private final IncomingStreams incoming;
  private final Map<Long, OutgoingStream> outgoing = new ConcurrentHashMap<>();
  private final Map<Long, Call> calls = new ConcurrentHashMap<>();
  private final Map<String, Runnable> watchers = new ConcurrentHashMap<>();
  private final AtomicLong ids = new AtomicLong();
  private final AtomicLong streamIds = new AtomicLong();
  private final AtomicLong abortIds = new AtomicLong();
  private final CompletableFuture<String> ended = new CompletableFuture<>();

  Rpc(Socket socket, Server server, String sandboxId) {
    this.socket = socket;
    this.server = server;
    this.sandboxId = sandboxId;
    incoming = new IncomingStreams(socket::more, this::cancel);
  }

  private record Call(String method, CompletableFuture<Outcome> outcome) {}

  /** What became of a call. */
  sealed interface Outcome {
    /** The answer, or the exception that stands for what failed. */
    Reply orThrow();

    /** It was done. */
    record Done(Reply reply) implements Outcome {
      @Override
      public Reply orThrow() {
        return reply;
      }
    }

    /** It failed in the sandbox. */
    record Failed(RemoteError error) implements Outcome {
      @Override
      public Reply orThrow() {
        throw error.exception();
      }
    }

    /** The server did not take it for a call. */
    record Refused(BelljarException reason) implements Outcome {
      @Override
      public Reply orThrow() {
        throw reason;
      }
    }
  }

  /** Calls and waits for the answer. */
  Reply call(String method, ObjectNode params) {
    return outcome(method, params, reply -> {}).orThrow();
  }

  /**
   * As {@link #call(String, ObjectNode)}.
   *
   * @param abandoned undoes what was done where the answer comes after an interrupt
   */
  Reply call(String method, ObjectNode params, Consumer<Reply> abandoned) {
    return outcome(method, params, abandoned).orThrow();
  }

  Outcome outcome(String method, ObjectNode params, Consumer<Reply> abandoned) {
    return await(method, start(method, params), () -> {}, abandoned);
  }

  /** Calls one of the methods that an interrupt aborts in the sandbox as well. */
  Outcome abortable(String method, ObjectNode params, Consumer<Reply> abandoned) {
    Abortable started = startAbortable(method, params);
    return await(method, started.outcome(), started.abort(), abandoned);
  }

  Abortable startAbortable(String method, ObjectNode params) {
    long abortId = abortIds.getAndIncrement();
    params.put("abortId", abortId);
    return new Abortable(start(method, params), () -> abort(abortId));
  }

  /**
   * A call that can be given up in the sandbox as well.
   *
   * @param abort does so
   */
  record Abortable(CompletableFuture<Outcome> outcome, Runnable abort) {}

  /** Calls and gives what will become of it; it fails only as the connection does. */
  CompletableFuture<Outcome> start(String method, ObjectNode params) {
    long id = ids.getAndIncrement();
    CompletableFuture<Outcome> outcome = new CompletableFuture<>();
    calls.put(id, new Call(method, outcome));
    ObjectNode request = Json.object("jsonrpc", "2.0").put("id", id).put("method", method);
    request.set("params", params);
    try {
      if (ended.isDone()) {
        throw new IOException("it has ended");
      }
      send(request.toString());
      return outcome;
    } catch (IOException e) {
      calls.remove(id);
      throw closed(e);
    } catch (InterruptedException e) {
      calls.remove(id);
      Thread.currentThread().interrupt();
      throw interrupted(method, e);
    }
  }

  Outcome await(
      String method,
      CompletableFuture<Outcome> outcome,
      Runnable onInterrupt,
      Consumer<Reply> abandoned) {
    incoming.beginWait();
    try {
      return outcome.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      inBackground(onInterrupt);
      outcome.thenAccept(
          late -> {
            if (late instanceof Outcome.Done done) {
              inBackground(() -> abandoned.accept(done.reply()));
            }
          });
      throw interrupted(method, e);
    } catch (ExecutionException e) {
      throw closed(e);
    } finally {
      incoming.endWait();
    }
  }

  private BelljarException interrupted(String method, InterruptedException e) {
    return new BelljarException(
        "Interrupted while waiting for '" + method + "' of sandbox " + sandboxId + ".", e);
  }

  /** As somebody who waits does: what a future brings is received even past slow readers. */
  <T> CompletableFuture<T> wanted(CompletableFuture<T> future) {
    incoming.beginWait();
    future.whenComplete((value, failure) -> incoming.endWait());
    return future;
  }

  /** A stream of the server's. */
  IncomingStream incoming(long id) {
    return incoming.claim(id);
  }

  /** A new stream to the server, announced. */
  OutgoingStream outgoing() {
    OutgoingStream stream = new OutgoingStream(this, streamIds.getAndIncrement());
    outgoing.put(stream.id(), stream);
    try {
      stream.start();
    } catch (IOException e) {
      forget(stream);
      if (Thread.currentThread().isInterrupted()) {
        throw new BelljarException("Interrupted while sending to sandbox " + sandboxId + ".", e);
      }
      throw closed(e);
    }
    return stream;
  }

  void forget(OutgoingStream stream) {
    outgoing.remove(stream.id());
  }

  /** Has something run each time that the watcher of that id starts its program again. */
  void onRestart(String watcherId, Runnable action) {
    watchers.put(watcherId, action);
  }

  void forgetWatcher(String watcherId) {
    watchers.remove(watcherId);
  }

  void send(String message) throws IOException, InterruptedException {
    socket.send(message);
  }

  /** Completes with the reason when the connection is over. */
  CompletableFuture<String> ended() {
    return ended;
  }

  /** Ends the connection for a reason of this side's. */
  void end(String reason, long patienceMillis) {
    if (ended.complete(reason)) {
      socket.close(patienceMillis);
    }
  }

  /** What to throw when the connection is gone. */
  SandboxClosedException closed(Throwable cause) {
    Throwable root = cause;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    String reason = ended.getNow(server.clean(String.valueOf(root.getMessage())));
    return new SandboxClosedException(
        "Sandbox "
            + sandboxId
            + " at "
            + server.name()
            + " has ended, or its connection has: "
            + (reason.endsWith(".") ? reason.substring(0, reason.length() - 1) : reason)
            + ". Make a new one with Sandbox.create().",
        cause);
  }

  @Override
  public void message(String text) {
    JsonNode message;
    try {
      message = Json.read(text);
    } catch (JacksonException e) {
      socket.fail(INVALID_JSON, "a message that is not JSON");
      return;
    }
    try {
      if (!message.isObject() || !message.path("jsonrpc").asString("").equals("2.0")) {
        throw new ProtocolException("a message that is not JSON-RPC");
      }
      if (message.has("method")) {
        notified(message.path("method").asString(""), message.path("params"));
      } else {
        answered(message);
      }
    } catch (ProtocolException e) {
      socket.fail(INVALID_MESSAGE, String.valueOf(e.getMessage()));
      return;
    }
    incoming.next();
  }

  @Override
  public void closed(String reason) {
    ended.complete(server.clean(reason));
    String message = String.valueOf(closed(new IOException(reason)).getMessage());
    incoming.lost(message);
    outgoing.values().forEach(stream -> stream.cancelled(message));
    outgoing.clear();
    calls.values().forEach(call -> call.outcome().completeExceptionally(new IOException(reason)));
    calls.clear();
    watchers.clear();
  }

  private void answered(JsonNode message) throws ProtocolException {
    JsonNode id = message.path("id");
    if (!id.isIntegralNumber() || !id.canConvertToLong()) {
      throw new ProtocolException("an answer without an id that was asked");
    }
    Call call = calls.remove(id.longValue());
    if (call == null) {
      return;
    }
    call.outcome().complete(outcome(call.method(), message));
  }

  private Outcome outcome(String method, JsonNode message) {
    if (message.path("error").isObject()) {
      return new Outcome.Refused(refused(method, message.path("error")));
    }
    JsonNode result = message.path("result");
    if (result.path("error").isObject()) {
      try {
        return new Outcome.Failed(RemoteError.of(reply(method, result.path("error")), server));
      } catch (BelljarException e) {
        return new Outcome.Refused(e);
      }
    }
    if (!result.isObject()) {
      return new Outcome.Refused(
          new BelljarException(
              "The server's answer to '" + method + "' is not of the protocol: no result."));
    }
    return new Outcome.Done(reply(method, result.path("ok")));
  }

  private Reply reply(String method, JsonNode value) {
    return new Reply("'" + method + "' of " + sandboxId, value);
  }

  private BelljarException refused(String method, JsonNode error) {
    String message = server.clean(error.path("message").asString(""));
    String detail = server.clean(error.path("data").path("message").asString(""));
    String said = message + (detail.isEmpty() ? "" : ": " + detail);
    return switch (error.path("code").asInt(0)) {
      case METHOD_NOT_FOUND ->
          new InvalidOptionException(
              "The server at " + server.name() + " cannot do '" + method + "': " + said);
      case INVALID_PARAMS ->
          new InvalidOptionException(
              "The server at " + server.name() + " does not accept this '" + method + "': " + said);
      default ->
          new BelljarException(
              "The server at " + server.name() + " could not do '" + method + "': " + said);
    };
  }

  private void notified(String method, JsonNode params) throws ProtocolException {
    switch (method) {
      case "$sandbox.stream.start" -> incoming.started(streamId(params));
      case "$sandbox.stream.enqueue" -> incoming.enqueued(streamId(params), bytes(params));
      case "$sandbox.stream.end" -> incoming.ended(streamId(params));
      case "$sandbox.stream.error" -> incoming.failed(streamId(params), failure(params));
      case "$sandbox.stream.cancel" ->
          Optional.ofNullable(outgoing.remove(streamId(params)))
              .ifPresent(stream -> stream.cancelled(said(params.path("reason"))));
      case "$sandbox.deno.watcher.restart" ->
          Optional.ofNullable(watchers.get(params.path("watcherId").asString("")))
              .ifPresent(Rpc::inBackground);
      default -> {
        // A later version of the protocol may say more.
      }
    }
  }

  private IOException failure(JsonNode params) {
    try {
      return new StreamFailedException(
          RemoteError.of(reply("a stream", params.path("error")), server));
    } catch (BelljarException e) {
      return new IOException("the stream failed in the sandbox", e);
    }
  }

  private String said(JsonNode error) {
    return server.clean(error.path("message").asString(""));
  }

  private static long streamId(JsonNode params) throws ProtocolException {
    JsonNode id = params.path("streamId");
    if (!id.isIntegralNumber() || !id.canConvertToLong()) {
      throw new ProtocolException("a stream without an id");
    }
    return id.longValue();
  }

  private static byte[] bytes(JsonNode params) throws ProtocolException {
    try {
      return Base64.getDecoder().decode(params.path("data").asString(""));
    } catch (IllegalArgumentException e) {
      throw new ProtocolException("bytes of a stream that are not base64");
    }
  }

  private void cancel(long streamId) {
    ObjectNode params = Json.object().put("streamId", streamId);
    params.set("reason", Json.of(null));
    ObjectNode message = Json.object("jsonrpc", "2.0").put("method", "$sandbox.stream.cancel");
    message.set("params", params);
    inBackground(() -> sendQuietly(message.toString()));
  }

  private void abort(long abortId) {
    ObjectNode message =
        Json.object("jsonrpc", "2.0").put("id", ids.getAndIncrement()).put("method", "abort");
    message.set("params", Json.object().put("abortId", abortId));
    sendQuietly(message.toString());
  }

  /** For what matters to the server only. */
  private void sendQuietly(String message) {
    try {
      send(message);
    } catch (IOException | InterruptedException e) {
      // Then the connection is gone, and with it what this was about.
    }
  }

  /** Away from the thread that receives, and from one that was interrupted. */
  private static void inBackground(Runnable action) {
    Thread.ofVirtual()
        .name("belljar call")
        .start(
            () -> {
              try {
                action.run();
              } catch (SandboxClosedException e) {
                // There is nothing left to be done about it.
              }
            });
  }
}
