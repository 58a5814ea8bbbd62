package dev.belljar.server.rpc;

import java.io.IOException;
import java.util.Iterator;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.eclipse.jetty.websocket.api.Callback;
import org.eclipse.jetty.websocket.api.Session;

/**
 * What goes out on one socket: a message at a time, in fair order. Sending blocks until the network
 * has taken the message, so a client that does not read stops whoever wants to tell it something,
 * and nothing piles up. Not interruptible: half a message would be the end of the socket.
 */
final class Outbox {
  private final Session session;
  private final ReentrantLock turn = new ReentrantLock(true);
  private final AtomicBoolean pong = new AtomicBoolean();

  Outbox(Session session) {
    this.session = session;
  }

  void send(String message) throws IOException {
    turn.lock();
    try {
      pongFirst();
      await(callback -> session.sendText(message, callback));
    } finally {
      turn.unlock();
    }
  }

  /** Sends all as one message; a piece is made while the one before goes out. */
  void send(String before, Iterator<String> pieces, String after) throws IOException {
    turn.lock();
    try {
      pongFirst();
      Callback.Completable sending =
          begin(callback -> session.sendPartialText(before, false, callback));
      while (pieces.hasNext()) {
        String piece = pieces.next();
        Callback.Completable next =
            begin(callback -> session.sendPartialText(piece, false, callback));
        await(sending);
        sending = next;
      }
      Callback.Completable end = begin(callback -> session.sendPartialText(after, true, callback));
      await(sending);
      await(end);
    } finally {
      turn.unlock();
    }
  }

  /** Notes a ping; false where one waits for its answer already. */
  boolean pongDue() {
    return !pong.getAndSet(true);
  }

  /** Answers however many pings there were, before anything else that waits. */
  void pong() throws IOException {
    turn.lock();
    try {
      pongFirst();
    } finally {
      turn.unlock();
    }
  }

  private void pongFirst() throws IOException {
    if (pong.getAndSet(false)) {
      await(callback -> session.sendText("pong", callback));
    }
  }

  private static void await(Consumer<Callback> send) throws IOException {
    await(begin(send));
  }

  private static Callback.Completable begin(Consumer<Callback> send) {
    Callback.Completable sent = new Callback.Completable();
    send.accept(sent);
    return sent;
  }

  private static void await(Callback.Completable sent) throws IOException {
    try {
      sent.join();
    } catch (CompletionException e) {
      throw new IOException("The client is gone: " + e.getCause(), e);
    }
  }
}
