package dev.belljar.remote;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.util.Base64;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A stream of bytes to the server. Writing blocks until the bytes are on the socket, and fails once
 * the server wants no more of them; closing is the stream's end.
 */
final class OutgoingStream extends OutputStream {
  private static final int CHUNK = 64 << 10;

  private final Rpc rpc;
  private final long id;
  private final AtomicBoolean over = new AtomicBoolean();
  private volatile String cancelled = "";

  OutgoingStream(Rpc rpc, long id) {
    this.rpc = rpc;
    this.id = id;
  }

  long id() {
    return id;
  }

  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    Objects.checkFromIndexSize(offset, length, bytes.length);
    for (int from = offset; from < offset + length; from += CHUNK) {
      if (!cancelled.isEmpty()) {
        throw new IOException("Broken pipe: " + cancelled);
      }
      if (over.get()) {
        throw new IOException("The stream is closed.");
      }
      byte[] chunk =
          java.util.Arrays.copyOfRange(bytes, from, Math.min(from + CHUNK, offset + length));
      notify("enqueue", ",\"data\":\"" + Base64.getEncoder().encodeToString(chunk) + '"');
    }
  }

  @Override
  public void close() throws IOException {
    if (over.compareAndSet(false, true)) {
      rpc.forget(this);
      notify("end", "");
    }
  }

  /** Ends it with an error: what was written is not all. */
  void fail(String reason) throws IOException {
    if (over.compareAndSet(false, true)) {
      rpc.forget(this);
      String error = Json.object("constructorName", "Error").put("message", reason).toString();
      notify("error", ",\"error\":" + error);
    }
  }

  /** Whether the server wants more. */
  boolean wanted() {
    return cancelled.isEmpty() && !over.get();
  }

  /** The server wants no more. */
  void cancelled(String reason) {
    cancelled = reason.isEmpty() ? "the sandbox reads no more" : reason;
    over.set(true);
  }

  void start() throws IOException {
    notify("start", "");
  }

  /** Written by hand: base64 needs no escapes, and these are nearly all that is ever sent. */
  private void notify(String what, String more) throws IOException {
    try {
      rpc.send(
          "{\"jsonrpc\":\"2.0\",\"method\":\"$sandbox.stream."
              + what
              + "\",\"params\":{\"streamId\":"
              + id
              + more
              + "}}");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      InterruptedIOException interrupted =
          new InterruptedIOException("Interrupted while sending to the sandbox.");
      interrupted.initCause(e);
      throw interrupted;
    }
  }
}
