package dev.belljar.engine;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.atomic.AtomicInteger;

/** Something of this host's, on all of its addresses, that no guest may reach. */
final class HostTrap implements AutoCloseable {
  private final ServerSocket stream = new ServerSocket(0);
  private final DatagramSocket datagrams = new DatagramSocket(stream.getLocalPort());
  private final AtomicInteger reached = new AtomicInteger();

  HostTrap() throws IOException {
    Thread.ofVirtual().start(this::acceptAll);
    Thread.ofPlatform().daemon().start(this::receiveAll);
  }

  int port() {
    return stream.getLocalPort();
  }

  /** How often somebody got here; first it is shown that this would be seen. */
  int reached() throws IOException {
    int before = reached.get();
    try (Socket own = new Socket(InetAddress.getLoopbackAddress(), port())) {
      own.getInputStream().readAllBytes();
    }
    if (reached.get() != before + 1) {
      throw new AssertionError("the trap does not work");
    }
    reached.decrementAndGet();
    return before;
  }

  private void acceptAll() {
    while (!stream.isClosed()) {
      try (Socket socket = stream.accept()) {
        reached.incrementAndGet();
        socket
            .getOutputStream()
            .write("reached\n".getBytes(java.nio.charset.StandardCharsets.UTF_8));
      } catch (IOException e) {
        // Closed, or the guest was quicker.
      }
    }
  }

  private void receiveAll() {
    while (!datagrams.isClosed()) {
      try {
        datagrams.receive(new DatagramPacket(new byte[100], 100));
        reached.incrementAndGet();
      } catch (IOException e) {
        // Closed.
      }
    }
  }

  @Override
  public void close() throws IOException {
    stream.close();
    datagrams.close();
  }
}
