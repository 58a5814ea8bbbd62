package dev.belljar.server.rpc;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.eclipse.jetty.websocket.api.Callback;
import org.eclipse.jetty.websocket.api.Session;
import org.eclipse.jetty.websocket.common.WebSocketSession;
import org.eclipse.jetty.websocket.core.CoreSession;
import org.eclipse.jetty.websocket.core.Frame;
import org.eclipse.jetty.websocket.core.OpCode;

/**
 * What goes out on one socket: a message at a time, in fair order. Sending blocks until the network
 * has taken the message, so a client that does not read stops whoever wants to tell it something,
 * and nothing piles up. Not interruptible: half a message would be the end of the socket.
 */
final class Outbox {
  private final Session session;
  private final CoreSession core;
  private final ReentrantLock turn = new ReentrantLock(true);
  private final AtomicBoolean pong = new AtomicBoolean();

  Outbox(Session session) {
    this.session = session;
    this.core = ((WebSocketSession) session).getCoreSession();
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

  /** Sends a message that is UTF-8 already. */
  void send(ByteBuffer message) throws IOException {
    turn.lock();
    try {
      pongFirst();
      sent(part(OpCode.TEXT, message, true));
    } finally {
      turn.unlock();
    }
  }

  /**
   * Sends all as one message; a piece is made while the one before goes out.
   *
   * @param pieces in UTF-8
   */
  void send(String before, Iterator<ByteBuffer> pieces, String after) throws IOException {
    turn.lock();
    try {
      pongFirst();
      Callback.Completable sending = part(OpCode.TEXT, utf8(before), false);
      while (pieces.hasNext()) {
        Callback.Completable next = part(OpCode.CONTINUATION, pieces.next(), false);
        sent(sending);
        sending = next;
      }
      Callback.Completable end = part(OpCode.CONTINUATION, utf8(after), true);
      sent(sending);
      sent(end);
    } finally {
      turn.unlock();
    }
  }

  private static ByteBuffer utf8(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
  }

  /** Frames as bytes: what is text already need not become a string for that. */
  private Callback.Completable part(byte type, ByteBuffer payload, boolean last) {
    Callback.Completable sent = new Callback.Completable();
    core.sendFrame(
        new Frame(type, last, payload),
        org.eclipse.jetty.util.Callback.from(sent::succeed, sent::fail),
        false);
    return sent;
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
    Callback.Completable sent = new Callback.Completable();
    send.accept(sent);
    sent(sent);
  }

  private static void sent(Callback.Completable sent) throws IOException {
    try {
      sent.join();
    } catch (CompletionException e) {
      throw new IOException("The client is gone: " + e.getCause(), e);
    }
  }
}
