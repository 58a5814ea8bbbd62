package dev.belljar.server.rpc;

import dev.belljar.server.observe.ServerEvents;
import dev.belljar.server.rpc.MessageReader.Arrived;
import dev.belljar.server.sandboxes.Closing;
import dev.belljar.server.sandboxes.HostedSandbox;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.jetty.websocket.api.Callback;
import org.eclipse.jetty.websocket.api.Frame;
import org.eclipse.jetty.websocket.api.Session;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;

/**
 * One client on a sandbox. Every request runs on a thread of its own; reading goes on meanwhile,
 * and stops only while more is held for streams than the bounds allow.
 */
public final class RpcSocket implements Session.Listener, HostedSandbox.Connection {
  private static final Logger LOG = LoggerFactory.getLogger(RpcSocket.class);

  /** The largest message that a client may send, in characters: a file of 128 MiB as base64. */
  public static final int LARGEST_MESSAGE = 176 << 20;

  /** Refusals and the like that may wait to be sent before the socket is no longer read. */
  static final int MOST_DEFERRED = 1000;

  private final HostedSandbox hosted;
  private final boolean creating;
  private final Map<String, String> client;
  private final SocketLimits limits;
  private final HeapBudget budget;
  private final MessageReader reader;
  private final ServerEvents events;
  private final AtomicBoolean begun = new AtomicBoolean();
  private final AtomicBoolean closed = new AtomicBoolean();
  private final AtomicBoolean paused = new AtomicBoolean();
  private final AtomicBoolean watched = new AtomicBoolean();

  private volatile @Nullable Session session;
  private volatile @Nullable RpcSession rpc;
  private volatile @Nullable Replies replies;
  private volatile @Nullable Exchanges exchanges;

  /**
   * A socket that is not open yet.
   *
   * @param creating whether the sandbox was made by this socket's handshake
   * @param client who it is, for the log
   * @param limits of the organization
   */
  public RpcSocket(
      HostedSandbox hosted,
      boolean creating,
      Map<String, String> client,
      SocketLimits limits,
      ServerEvents events) {
    this.hosted = hosted;
    this.creating = creating;
    this.client = client;
    this.limits = limits;
    this.budget = limits.heap();
    this.reader = new MessageReader(budget);
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
      hosted.kill();
    }
  }

  @Override
  public void onWebSocketOpen(Session opened) {
    session = opened;
    if (!begun.compareAndSet(false, true)) {
      close(Closing.NORMAL, "The handshake took too long; the sandbox has ended.");
      return;
    }
    Outbox outbox = new Outbox(opened);
    Replies toClient = new Replies(outbox, budget, closed, this::ended, this::resume);
    RpcSession opening =
        new RpcSession(
            hosted,
            outbox,
            new IncomingStreams(budget, limits.patience(), toClient::cancel, this::resume),
            budget,
            events);
    rpc = opening;
    replies = toClient;
    exchanges = new Exchanges(hosted, client, opening, toClient, this::close);
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
          received(payload, frame.isFin());
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
      case CLOSE -> {
        // Before the client is answered: it may ask for the sandbox's volumes as soon as it is.
        hosted.closing(creating);
        callback.succeed();
      }
    }
  }

  private void received(ByteBuffer part, boolean last) {
    switch (reader.add(part, last)) {
      case Arrived.Part none -> demand();
      case Arrived.Ping ping -> {
        Replies toClient = replies;
        if (toClient != null) {
          toClient.pong();
        }
        pauseOrDemand();
      }
      case Arrived.Message message -> {
        take(message);
        pauseOrDemand();
      }
      case Arrived.Wrong wrong -> close(wrong.code(), wrong.reason());
    }
  }

  private void take(Arrived.Message message) {
    Exchanges requests = exchanges;
    Optional<String> method = message.method();
    if (requests != null && method.isPresent() && message.id().isPresent()) {
      requests.begin(message.id().get(), method.get(), message.params(), message.held());
      return;
    }
    // Without a method, it is an answer to a question that was never asked.
    if (method.isPresent() && message.id().isEmpty()) {
      notified(method.get(), message.params());
    }
    budget.give(message.held());
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
    hosted.closing(creating);
    Exchanges requests = exchanges;
    if (requests != null) {
      requests.close();
    }
    RpcSession open = rpc;
    if (open != null) {
      open.close();
      events.socketClosed();
    }
    reader.close();
    hosted.closed(this, creating);
  }

  private void demand() {
    Session open = session;
    if (open != null && !closed.get()) {
      open.demand();
    }
  }

  // Notifications, and the pace of reading.

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
    Replies toClient = replies;
    return (toClient == null || toClient.deferred() < MOST_DEFERRED)
        && (open == null || !open.incoming().full());
  }

  private void pauseOrDemand() {
    if (closed.get()) {
      return;
    }
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
}
