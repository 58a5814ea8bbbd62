package dev.belljar.engine.egress;

import dev.belljar.EgressRecord;
import dev.belljar.EgressRecord.Verdict;
import dev.belljar.SandboxOptions.ConnectTo;
import dev.belljar.engine.agent.AgentConnection.Incoming;
import dev.belljar.engine.agent.AgentConnection.IncomingStreams;
import dev.belljar.engine.agent.AgentStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NoRouteToHostException;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The one way out of a sandbox: policy, resolve, check, dial, copy, record. Each connection has two
 * virtual threads; what is under way between guest and socket is bounded by the stream's window.
 */
public final class EgressGateway implements IncomingStreams, AutoCloseable {
  private static final int ENOENT = 2;
  private static final int EACCES = 13;
  private static final int ECONNRESET = 104;
  private static final int ETIMEDOUT = 110;
  private static final int ECONNREFUSED = 111;
  private static final int EHOSTUNREACH = 113;

  private static final int CONNECT_MILLIS = 5_000;
  private static final int ADDRESSES_TRIED = 4;
  private static final int BUFFER = 64 << 10;

  private final EgressPolicy policy;
  private final EgressLog log;
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  /** For one sandbox. */
  public EgressGateway(EgressPolicy policy, EgressLog log) {
    this.policy = policy;
    this.log = log;
  }

  @Override
  public void lookup(Incoming stream, String name) {
    Instant asked = Instant.now();
    Optional<String> refusal = policy.refusalOfLookup(name);
    if (refusal.isPresent()) {
      log.add(closedRecord(asked, name, 0, Verdict.DENIED, refusal.get()));
      stream.refuse(EACCES);
      return;
    }
    try {
      // Behind an allow list the list is the answer; without one the guest is told the truth about
      // names.
      if (!policy.hasAllowList() && !policy.isRedirected(name)) {
        NameService.resolve(name);
      }
      stream.confirm();
    } catch (UnknownHostException e) {
      log.add(closedRecord(asked, name, 0, Verdict.FAILED, String.valueOf(e.getMessage())));
      stream.refuse(ENOENT);
    } catch (IOException e) {
      log.add(closedRecord(asked, name, 0, Verdict.FAILED, String.valueOf(e.getMessage())));
      stream.refuse(ETIMEDOUT);
    }
  }

  @Override
  public void connect(Incoming stream, String host, boolean isName, int port) {
    Instant asked = Instant.now();
    Optional<String> refusal = policy.refusalOfTarget(host, isName, port);
    if (refusal.isPresent()) {
      log.add(closedRecord(asked, host, port, Verdict.DENIED, refusal.get()));
      stream.refuse(EACCES);
      return;
    }
    try (Socket socket = dial(host, isName, port)) {
      carry(accepted(stream, socket), socket, asked, host, port);
    } catch (DeniedException e) {
      log.add(closedRecord(asked, host, port, Verdict.DENIED, String.valueOf(e.getMessage())));
      stream.refuse(EACCES);
    } catch (IOException e) {
      log.add(closedRecord(asked, host, port, Verdict.FAILED, String.valueOf(e.getMessage())));
      stream.refuse(errno(e));
    }
  }

  /** Ends every connection. Idempotent. */
  @Override
  public void close() {
    closed = true;
    sockets.forEach(EgressGateway::closeQuietly);
  }

  /** Connects to the first address that policy lets be dialled and that answers. */
  private Socket dial(String host, boolean isName, int port) throws IOException {
    if (!isName) {
      // Judged before it is redirected: the policy sees what the guest asked for.
      Optional<String> refusal = policy.refusalOfAddress(InetAddress.ofLiteral(host), port);
      if (refusal.isPresent()) {
        throw new DeniedException(refusal.get());
      }
    }
    Optional<ConnectTo> redirection = policy.redirection(host, port);
    if (redirection.isPresent()) {
      ConnectTo elsewhere = redirection.get();
      return connect(NameService.resolve(elsewhere.address()), elsewhere.addressPort());
    }
    List<InetAddress> addresses =
        isName ? NameService.resolve(host) : List.of(InetAddress.ofLiteral(host));
    List<InetAddress> permitted =
        addresses.stream().filter(a -> policy.refusalOfAddress(a, port).isEmpty()).toList();
    if (permitted.isEmpty()) {
      throw new DeniedException(
          policy.refusalOfAddress(addresses.getFirst(), port).orElse("not permitted"));
    }
    return connect(permitted, port);
  }

  private Socket connect(List<InetAddress> addresses, int port) throws IOException {
    IOException failure = new ConnectException("no address to connect to");
    for (InetAddress address : addresses.subList(0, Math.min(addresses.size(), ADDRESSES_TRIED))) {
      Socket socket = new Socket();
      sockets.add(socket);
      try {
        if (closed) {
          throw new ConnectException("the sandbox has ended");
        }
        socket.connect(new InetSocketAddress(address, port), CONNECT_MILLIS);
        return socket;
      } catch (IOException e) {
        failure = e;
        sockets.remove(socket);
        closeQuietly(socket);
      }
    }
    throw failure;
  }

  private AgentStream accepted(Incoming stream, Socket socket) throws IOException {
    try {
      return stream.accept();
    } catch (IOException e) {
      sockets.remove(socket);
      throw e;
    }
  }

  private void carry(AgentStream stream, Socket socket, Instant asked, String host, int port) {
    AtomicLong out = new AtomicLong();
    AtomicLong in = new AtomicLong();
    String reason = "";
    String address = socket.getInetAddress().getHostAddress();
    try {
      socket.setTcpNoDelay(true);
      Thread outward =
          Thread.ofVirtual().name("egress-out").start(() -> copyOut(stream, socket, out));
      try {
        copy(socket.getInputStream(), stream.output(), in);
        stream.output().close();
        outward.join();
      } finally {
        // Whichever side failed, the other must not wait for it.
        closeQuietly(socket);
        sockets.remove(socket);
        stream.reset(ECONNRESET);
      }
    } catch (IOException e) {
      reason = String.valueOf(e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      reason = "interrupted";
    }
    log.add(
        new EgressRecord(
            asked,
            host,
            port,
            Optional.of(address),
            Verdict.ALLOWED,
            reason,
            out.get(),
            in.get(),
            Duration.between(asked, Instant.now())));
  }

  private static void copyOut(AgentStream stream, Socket socket, AtomicLong count) {
    try {
      copy(stream.input(), socket.getOutputStream(), count);
      socket.shutdownOutput();
    } catch (IOException e) {
      // Either end is gone; closing the socket wakes the other direction, which records why.
      closeQuietly(socket);
    }
  }

  private static void copy(InputStream in, OutputStream out, AtomicLong count) throws IOException {
    byte[] buffer = new byte[BUFFER];
    int length;
    while ((length = in.read(buffer, 0, buffer.length)) >= 0) {
      out.write(buffer, 0, length);
      count.addAndGet(length);
    }
  }

  private static void closeQuietly(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      // It is gone either way.
    }
  }

  private static EgressRecord closedRecord(
      Instant asked, String host, int port, Verdict verdict, String reason) {
    return new EgressRecord(
        asked,
        host,
        port,
        Optional.empty(),
        verdict,
        reason,
        0,
        0,
        Duration.between(asked, Instant.now()));
  }

  private static int errno(IOException failure) {
    return switch (failure) {
      case UnknownHostException unknown -> ENOENT;
      case SocketTimeoutException timeout -> ETIMEDOUT;
      case NoRouteToHostException unreachable -> EHOSTUNREACH;
      default -> ECONNREFUSED;
    };
  }

  /** Policy refuses what a target leads to. */
  private static final class DeniedException extends IOException {
    private static final long serialVersionUID = 1L;

    DeniedException(String message) {
      super(message);
    }
  }
}
