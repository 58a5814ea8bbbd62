package dev.belljar.engine.egress.tls;

import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;

/** Two streams in the form that the JDK puts TLS on. */
final class StreamSocket extends Socket {
  private final InputStream in;
  private final OutputStream out;
  private volatile boolean closed;

  StreamSocket(InputStream in, OutputStream out) {
    this.in = in;
    this.out = out;
  }

  @Override
  public InputStream getInputStream() {
    return in;
  }

  @Override
  public OutputStream getOutputStream() {
    return out;
  }

  @Override
  public boolean isConnected() {
    return true;
  }

  @Override
  public boolean isBound() {
    return true;
  }

  @Override
  public InetAddress getInetAddress() {
    return InetAddress.getLoopbackAddress();
  }

  @Override
  public boolean isClosed() {
    return closed;
  }

  /** TLS has said that nothing more comes; the stream itself is the connection's to end. */
  @Override
  public void shutdownOutput() {}

  @Override
  public void shutdownInput() {}

  /** The stream belongs to the connection, which ends it. */
  @Override
  public void close() {
    closed = true;
  }
}
