package dev.belljar.server.rpc;

import java.io.IOException;
import java.util.Base64;
import java.util.concurrent.CompletionException;
import java.util.concurrent.locks.ReentrantLock;
import org.eclipse.jetty.websocket.api.Callback;
import org.eclipse.jetty.websocket.api.Session;

/**
 * What goes out on one socket: a message at a time, in fair order. Sending blocks until the network
 * has taken the message, so a client that does not read stops whoever wants to tell it something,
 * and nothing piles up. Not interruptible: half a message would be the end of the socket.
 */
final class Outbox {
  /** A multiple of 3, so that pieces of base64 join without padding. */
  private static final int PIECE = 192 << 10;

  private final Session session;
  private final ReentrantLock turn = new ReentrantLock(true);

  Outbox(Session session) {
    this.session = session;
  }

  void send(String message) throws IOException {
    turn.lock();
    try {
      await(callback -> session.sendText(message, callback));
    } finally {
      turn.unlock();
    }
  }

  /** Sends {@code before}, the bytes in base64 and {@code after} as one message, piece by piece. */
  void send(String before, byte[] bytes, String after) throws IOException {
    turn.lock();
    try {
      await(callback -> session.sendPartialText(before, false, callback));
      for (int at = 0; at < bytes.length; at += PIECE) {
        int length = Math.min(PIECE, bytes.length - at);
        byte[] piece = java.util.Arrays.copyOfRange(bytes, at, at + length);
        String text = Base64.getEncoder().encodeToString(piece);
        await(callback -> session.sendPartialText(text, false, callback));
      }
      await(callback -> session.sendPartialText(after, true, callback));
    } finally {
      turn.unlock();
    }
  }

  private void await(java.util.function.Consumer<Callback> send) throws IOException {
    Callback.Completable sent = new Callback.Completable();
    send.accept(sent);
    try {
      sent.join();
    } catch (CompletionException e) {
      throw new IOException("The client is gone: " + e.getCause(), e);
    }
  }
}
