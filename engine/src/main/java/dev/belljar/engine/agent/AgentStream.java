package dev.belljar.engine.agent;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * One flow of bytes on the channel. Reading blocks until there is something, writing blocks until
 * the other side has room: what is held for it here never exceeds {@link #WINDOW}.
 */
public final class AgentStream implements AutoCloseable {
  /**
   * Bytes that a sender may have under way in one direction (docs/agent-protocol.md, "Streams").
   */
  static final int WINDOW = 256 << 10;

  /**
   * Consumed bytes are given back in steps of this size, so that a CREDIT goes with many frames.
   */
  private static final int CREDIT_STEP = WINDOW / 4;

  private static final int LARGEST_DATA = FrameType.DATA.largest;

  private final AgentConnection connection;
  private final int id;
  private final boolean sends;
  private final boolean receives;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final ReceivedBytes received = new ReceivedBytes();
  private int consumed;
  private int sendCredit = WINDOW;
  private boolean accepted = true;
  private boolean receiveEnded;
  private boolean sendEnded;
  private boolean reset;
  private int resetErrno;

  private final InputStream input = new Input();
  private final OutputStream output = new Output();

  AgentStream(AgentConnection connection, int id, boolean sends, boolean receives) {
    this.connection = connection;
    this.id = id;
    this.sends = sends;
    this.receives = receives;
  }

  int id() {
    return id;
  }

  AgentConnection connection() {
    return connection;
  }

  /** What the guest sends; −1 at its END, {@link StreamResetException} when it gave up. */
  public InputStream input() {
    return input;
  }

  /** What the guest gets; {@code close} is its END. */
  public OutputStream output() {
    return output;
  }

  /** The errno that the guest ended the stream with; 0 where it did not. */
  int resetErrno() {
    lock.lock();
    try {
      return resetErrno;
    } finally {
      lock.unlock();
    }
  }

  /** Abandons both directions; does nothing to a stream that is over. */
  public void reset(int errno) {
    lock.lock();
    try {
      if (reset || over()) {
        return;
      }
      discard();
    } finally {
      lock.unlock();
    }
    connection.forget(this);
    connection.trySend(FrameType.RESET, id, errno);
  }

  /** Abandons what is not over yet. */
  @Override
  public void close() {
    reset(0);
  }

  /**
   * Says that a stream which the agent opened may flow; fails where the agent gave it up meanwhile.
   */
  void accept() throws IOException {
    lock.lock();
    try {
      if (reset) {
        throw new StreamResetException(resetErrno);
      }
    } finally {
      lock.unlock();
    }
    connection.send(FrameType.ACCEPT, id, AgentConnection.EMPTY, 0, 0);
  }

  /** Ends a stream that the agent opened and that was not accepted. */
  void refuse(int errno) {
    lock.lock();
    try {
      if (reset) {
        return;
      }
      discard();
    } finally {
      lock.unlock();
    }
    connection.forget(this);
    connection.trySend(FrameType.REFUSE, id, errno);
  }

  /** Marks a stream that the host opened: nothing flows before the agent's answer. */
  void awaitsAccept() {
    accepted = false;
  }

  /** Blocks until the agent accepted; gives 0, or the errno that it refused with. */
  int awaitAccepted() throws IOException {
    lock.lock();
    try {
      while (!accepted && !reset) {
        await();
      }
      return accepted ? 0 : resetErrno == 0 ? 5 : resetErrno;
    } finally {
      lock.unlock();
    }
  }

  // What the connection's reader found for this stream.

  void onAccept() throws ProtocolException {
    lock.lock();
    try {
      if (accepted) {
        throw new ProtocolException("ACCEPT for a stream that needs none");
      }
      accepted = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  void onData(ByteBuffer bytes) throws ProtocolException {
    lock.lock();
    try {
      if (reset) {
        return;
      }
      if (!receives || receiveEnded || !accepted) {
        throw new ProtocolException("DATA where none may come");
      }
      if (bytes.remaining() > WINDOW - received.size() - consumed) {
        throw new ProtocolException("more DATA than there was credit for");
      }
      received.add(bytes);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  void onEnd() throws ProtocolException {
    lock.lock();
    try {
      if (reset) {
        return;
      }
      if (!receives || receiveEnded) {
        throw new ProtocolException("END of what is not open");
      }
      receiveEnded = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    forgetWhenOver();
  }

  void onReset(int errno) {
    lock.lock();
    try {
      // What had arrived before it is still read: a process's last words count.
      reset = true;
      resetErrno = errno;
      sendEnded = true;
      receiveEnded = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    connection.forget(this);
  }

  void onCredit(int bytes) throws ProtocolException {
    lock.lock();
    try {
      if (reset || sendEnded) {
        return;
      }
      if (!sends || bytes <= 0 || bytes > WINDOW - sendCredit) {
        throw new ProtocolException("CREDIT that was never used");
      }
      sendCredit += bytes;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Wakes everyone who waits: the connection is gone, and says why when asked. */
  void onConnectionEnd() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void discard() {
    reset = true;
    sendEnded = true;
    receiveEnded = true;
    received.clear();
    changed.signalAll();
  }

  private boolean over() {
    return (!sends || sendEnded) && (!receives || receiveEnded);
  }

  private void forgetWhenOver() {
    boolean over;
    lock.lock();
    try {
      over = over();
    } finally {
      lock.unlock();
    }
    if (over) {
      connection.forget(this);
    }
  }

  @SuppressWarnings("WaitNotInLoop") // every caller loops on what it waits for
  private void await() throws IOException {
    connection.checkOpen();
    try {
      changed.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new java.io.InterruptedIOException("Interrupted while waiting for the sandbox.");
    }
    // Not checked again here: what arrived before the end may still be taken.
  }

  private final class Input extends InputStream {

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
      java.util.Objects.checkFromIndexSize(offset, length, target.length);
      if (length == 0) {
        return 0;
      }
      int copied;
      int credit = 0;
      lock.lock();
      try {
        while (received.size() == 0) {
          if (reset && resetErrno != 0) {
            throw new StreamResetException(resetErrno);
          }
          if (receiveEnded) {
            return -1;
          }
          await();
        }
        copied = received.take(target, offset, length);
        consumed += copied;
        if (consumed >= CREDIT_STEP && !receiveEnded) {
          credit = consumed;
          consumed = 0;
        }
      } finally {
        lock.unlock();
      }
      if (credit > 0) {
        connection.trySend(FrameType.CREDIT, id, credit);
      }
      return copied;
    }

    @Override
    public int available() {
      lock.lock();
      try {
        return received.size();
      } finally {
        lock.unlock();
      }
    }

    /** No longer wanted: the sender is told, unless it had ended. */
    @Override
    public void close() {
      boolean abandon;
      lock.lock();
      try {
        abandon = !receiveEnded && !sends;
      } finally {
        lock.unlock();
      }
      if (abandon) {
        AgentStream.this.reset(0);
      }
    }
  }

  private final class Output extends OutputStream {

    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] source, int offset, int length) throws IOException {
      java.util.Objects.checkFromIndexSize(offset, length, source.length);
      int sent = 0;
      while (sent < length) {
        int part;
        lock.lock();
        try {
          while (sendCredit == 0 && !reset && !sendEnded) {
            await();
          }
          if (reset) {
            throw new StreamResetException(resetErrno);
          }
          if (sendEnded) {
            throw new IOException("The stream is closed.");
          }
          part = Math.min(Math.min(length - sent, sendCredit), LARGEST_DATA);
          sendCredit -= part;
        } finally {
          lock.unlock();
        }
        connection.send(FrameType.DATA, id, source, offset + sent, part);
        sent += part;
      }
    }

    @Override
    public void close() throws IOException {
      lock.lock();
      try {
        if (sendEnded) {
          return;
        }
        sendEnded = true;
        changed.signalAll();
      } finally {
        lock.unlock();
      }
      connection.send(FrameType.END, id, AgentConnection.EMPTY, 0, 0);
      forgetWhenOver();
    }
  }
}
