package dev.belljar.remote;

import java.io.IOException;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A WebSocket of text messages. Sending blocks until the message is written, one message at a time,
 * in the order of asking. Receiving is on demand: after each message the receiver asks for the next
 * with {@link #more}. A {@code ping} goes out every 2 seconds; a server from which nothing comes
 * for 60 seconds, though something is asked for, is taken for lost.
 */
@SuppressWarnings("FutureReturnValueIgnored") // what hangs on its futures cannot fail
final class Socket implements WebSocket.Listener {
  /** Characters. A file of 100 MB fits, as base64. */
  static final int MAX_MESSAGE = 160 << 20;

  private static final long PING_MILLIS = 2_000;
  private static final long LOST_NANOS = TimeUnit.SECONDS.toNanos(60);

  /** RFC 6455, section 7.4.1. */
  static final int NORMAL = 1000;

  private static final int UNSUPPORTED_DATA = 1003;

  /** What the server gets to read why it is left. */
  private static final long GRACE_MILLIS = 1000;

  /** How long the last frame, and what is being written before it, may take. */
  private static final long SENDING_MILLIS = 10_000;

  private static final int ABNORMAL = 1006;
  private static final int MESSAGE_TOO_BIG = 1009;

  /** A buffer that grew for one large message is not kept for small ones. */
  private static final int KEPT_BUFFER = 1 << 20;

  private final Semaphore sending = new Semaphore(1, true);
  private final CountDownLatch opened = new CountDownLatch(1);
  private final CompletableFuture<String> closed = new CompletableFuture<>();
  private final CompletableFuture<String> gone = new CompletableFuture<>();
  private final Thread pinger = Thread.ofVirtual().name("ping").unstarted(this::ping);
  private volatile @Nullable WebSocket webSocket;
  private volatile @Nullable Receiver receiver;
  private StringBuilder partial = new StringBuilder();
  private volatile long heard = System.nanoTime();
  private volatile boolean asking;

  /** Who gets the messages; called by one thread at a time, and never to block. */
  interface Receiver {
    void message(String text);

    /** Nothing comes any more. Called once. */
    void closed(String reason);
  }

  /** Begins to receive. */
  void start(Receiver messages) {
    receiver = messages;
    closed.thenAccept(
        reason -> {
          pinger.interrupt();
          messages.closed(reason);
        });
    pinger.start();
    more();
  }

  /** Asks for the next message. */
  void more() {
    heard = System.nanoTime();
    asking = true;
    socket().request(1);
  }

  /**
   * Sends a message and blocks until it is written. Where the thread is interrupted while it is
   * being written, all of it goes out nevertheless, and the thread's status tells.
   *
   * @throws IOException where the connection is gone
   * @throws InterruptedException where nothing of it was sent
   */
  void send(String text) throws IOException, InterruptedException {
    sending.acquire();
    if (closed.isDone()) {
      sending.release();
      throw new IOException("The connection is closed: " + closed.join());
    }
    CompletableFuture<WebSocket> sent;
    try {
      sent = socket().sendText(text, true);
    } catch (RuntimeException e) {
      sending.release();
      throw new IOException("The connection is closed.", e);
    }
    CompletableFuture<WebSocket> written = sent.whenComplete((ok, failure) -> sending.release());
    try {
      written.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException e) {
      fail(ABNORMAL, message(e));
      throw new IOException("The connection is closed: " + message(e), e);
    }
  }

  /** Says goodbye, waits that long for the server to do so too, and cuts the connection. */
  void close(long patienceMillis) {
    WebSocket socket = webSocket;
    if (socket != null) {
      sayGoodbye(socket, NORMAL, "");
      socket.request(Long.MAX_VALUE);
      try {
        closed.get(patienceMillis, TimeUnit.MILLISECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } catch (ExecutionException | java.util.concurrent.TimeoutException e) {
        // Then without its consent.
      }
    }
    abort();
  }

  /** Refuses to go on: the server does not keep to the protocol. */
  void fail(int code, String reason) {
    WebSocket socket = webSocket;
    if (socket == null || code == ABNORMAL) {
      abort(description(code, reason));
      return;
    }
    // Not cut at once: an end with something unread is a reset, which can overtake the last frame.
    sayGoodbye(socket, code, reason)
        .whenComplete(
            (said, failure) ->
                CompletableFuture.delayedExecutor(GRACE_MILLIS, TimeUnit.MILLISECONDS)
                    .execute(() -> abort(description(code, reason))));
    closed.complete(description(code, reason));
  }

  /**
   * Sends the last frame. The JDK puts it behind a text that is still being written; completes when
   * it is written, or is not in time.
   */
  private static CompletableFuture<?> sayGoodbye(WebSocket socket, int code, String reason) {
    return socket.sendClose(code, reason).orTimeout(SENDING_MILLIS, TimeUnit.MILLISECONDS);
  }

  /** Cuts the connection. */
  void abort() {
    abort("the connection was closed");
  }

  private void abort(String reason) {
    WebSocket socket = webSocket;
    if (socket != null) {
      socket.abort();
    }
    closed.complete(reason);
    gone.complete(reason);
  }

  /** Completes when nothing is sent any more, which may be a while after it is closed. */
  CompletableFuture<String> gone() {
    return gone;
  }

  @Override
  public void onOpen(WebSocket socket) {
    webSocket = socket;
    opened.countDown();
  }

  @Override
  public @Nullable CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
    heard = System.nanoTime();
    if (closed.isDone()) {
      return null;
    }
    if (partial.length() + (long) data.length() > MAX_MESSAGE) {
      partial = new StringBuilder();
      fail(MESSAGE_TOO_BIG, "a message of more than " + MAX_MESSAGE + " characters");
      return null;
    }
    partial.append(data);
    if (!last) {
      socket.request(1);
      return null;
    }
    String text = partial.toString();
    partial.setLength(0);
    if (partial.capacity() > KEPT_BUFFER) {
      partial = new StringBuilder();
    }
    asking = false;
    Receiver to = receiver;
    if (text.equals("pong") || to == null) {
      more();
    } else {
      to.message(text);
    }
    return null;
  }

  @Override
  public @Nullable CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
    fail(UNSUPPORTED_DATA, "a binary message");
    return null;
  }

  @Override
  public @Nullable CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
    closed.complete(description(code, reason));
    gone.complete(description(code, reason));
    return null;
  }

  @Override
  public void onError(WebSocket socket, Throwable failure) {
    closed.complete(description(ABNORMAL, message(failure)));
    gone.complete(description(ABNORMAL, message(failure)));
  }

  private WebSocket socket() {
    try {
      opened.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    WebSocket socket = webSocket;
    if (socket == null) {
      throw new IllegalStateException("The socket is not open.");
    }
    return socket;
  }

  private void ping() {
    try {
      while (!closed.isDone()) {
        Thread.sleep(PING_MILLIS);
        if (asking && System.nanoTime() - heard > LOST_NANOS) {
          fail(ABNORMAL, "nothing was heard of the server for 60 seconds");
        } else if (sending.tryAcquire(PING_MILLIS, TimeUnit.MILLISECONDS)) {
          socket().sendText("ping", true).whenComplete((ok, failure) -> sending.release());
        }
      }
    } catch (InterruptedException | RuntimeException e) {
      // The connection is closed.
    }
  }

  private static String description(int code, String reason) {
    return "the connection was closed with code " + code + (reason.isEmpty() ? "" : ": " + reason);
  }

  private static String message(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root.getMessage() == null ? root.getClass().getSimpleName() : root.getMessage();
  }
}
