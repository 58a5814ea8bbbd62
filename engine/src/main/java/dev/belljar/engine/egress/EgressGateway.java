package dev.belljar.engine.egress;

import dev.belljar.EgressLimits;
import dev.belljar.EgressRecord;
import dev.belljar.EgressRecord.Verdict;
import dev.belljar.EgressTotals;
import dev.belljar.EgressTotals.Limit;
import dev.belljar.SandboxOptions.ConnectTo;
import dev.belljar.engine.agent.AgentConnection.Incoming;
import dev.belljar.engine.agent.AgentConnection.IncomingStreams;
import dev.belljar.engine.agent.AgentStream;
import java.io.IOException;
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
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The one way out of a sandbox: policy, limits, resolve, check, dial, carry, record. Each
 * connection has two virtual threads; what is under way between guest and socket is bounded by the
 * stream's window.
 */
public final class EgressGateway implements IncomingStreams, AutoCloseable {
  private static final int ENOENT = 2;
  private static final int EAGAIN = 11;
  private static final int EACCES = 13;
  private static final int ETIMEDOUT = 110;
  private static final int ECONNREFUSED = 111;
  private static final int EHOSTUNREACH = 113;

  private static final int CONNECT_MILLIS = 5_000;
  private static final int ADDRESSES_TRIED = 4;
  private static final Duration WATCH_INTERVAL = Duration.ofSeconds(1);

  private final EgressPolicy policy;
  private final EgressQuota quota;
  private final Optional<Interception> interception;
  private final EgressLog log;
  private final EgressTally tally = new EgressTally();
  private final NameService names;
  private final Set<Socket> dialling = ConcurrentHashMap.newKeySet();
  private final Set<EgressConnection> connections = ConcurrentHashMap.newKeySet();
  private final AtomicBoolean watched = new AtomicBoolean();
  private volatile boolean closed;

  /**
   * For one sandbox.
   *
   * @param interception where it has secrets
   */
  public EgressGateway(
      EgressPolicy policy,
      EgressLimits limits,
      Optional<Interception> interception,
      EgressLog log) {
    this(
        policy,
        limits,
        interception,
        log,
        new NameService(InetAddress::getAllByName, NameService.PATIENCE));
  }

  EgressGateway(
      EgressPolicy policy,
      EgressLimits limits,
      Optional<Interception> interception,
      EgressLog log,
      NameService names) {
    this.policy = policy;
    quota = new EgressQuota(limits);
    this.interception = interception;
    this.log = log;
    this.names = names;
  }

  @Override
  public void lookup(Incoming stream, String name) {
    Instant asked = Instant.now();
    try {
      quota.lookup();
      Optional<String> refusal = policy.refusalOfLookup(name);
      if (refusal.isPresent()) {
        record(closedRecord(asked, name, 0, Verdict.DENIED, refusal.get()));
        stream.refuse(EACCES);
        return;
      }
      // Behind an allow list the list is the answer; without one the guest is told the truth about
      // names, but for those of this host's own files and networks.
      if (!policy.hasAllowList() && !policy.isRedirected(name)) {
        permitted(names.resolve(name), 0);
      }
      stream.confirm();
    } catch (DeniedException e) {
      record(closedRecord(asked, name, 0, Verdict.DENIED, String.valueOf(e.getMessage())));
      stream.refuse(ENOENT);
    } catch (EgressQuota.ExhaustedException e) {
      record(
          closedRecord(asked, name, 0, Verdict.LIMITED, String.valueOf(e.getMessage())),
          Optional.of(e.limit()));
      stream.refuse(EAGAIN);
    } catch (UnknownHostException e) {
      record(closedRecord(asked, name, 0, Verdict.FAILED, String.valueOf(e.getMessage())));
      stream.refuse(ENOENT);
    } catch (IOException e) {
      record(closedRecord(asked, name, 0, Verdict.FAILED, String.valueOf(e.getMessage())));
      stream.refuse(ETIMEDOUT);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      stream.refuse(ETIMEDOUT);
    }
  }

  @Override
  public void connect(Incoming stream, String host, boolean isName, int port) {
    Instant asked = Instant.now();
    EgressTarget target = new EgressTarget(host, isName, port);
    try {
      // Refusals take their turn as well: each is a line of the log.
      quota.connect();
      try {
        Optional<String> refusal = policy.refusalOfTarget(host, isName, port);
        if (refusal.isPresent()) {
          throw new DeniedException(refusal.get());
        }
        carry(stream, target, asked);
      } finally {
        quota.disconnected();
      }
    } catch (EgressQuota.ExhaustedException e) {
      record(
          closedRecord(asked, host, port, Verdict.LIMITED, String.valueOf(e.getMessage())),
          Optional.of(e.limit()));
      stream.refuse(EAGAIN);
    } catch (DeniedException e) {
      record(closedRecord(asked, host, port, Verdict.DENIED, String.valueOf(e.getMessage())));
      // A name that leads nowhere is one that does not exist: who asks past the resolver is told
      // no more of this host's own names.
      stream.refuse(isName && !policy.hasAllowList() ? ENOENT : EACCES);
    } catch (IOException e) {
      record(closedRecord(asked, host, port, Verdict.FAILED, String.valueOf(e.getMessage())));
      stream.refuse(errno(e));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      stream.refuse(ETIMEDOUT);
    }
  }

  /** Ends every connection, and forgets the secrets. Idempotent. */
  @Override
  public void close() {
    closed = true;
    dialling.forEach(EgressGateway::closeQuietly);
    connections.forEach(EgressConnection::end);
    interception.ifPresent(means -> means.secrets().close());
  }

  /** What all connections come to, those that are open included. */
  public EgressTotals totals() {
    synchronized (tally) {
      EgressTotals totals = tally.totals();
      for (EgressConnection connection : connections) {
        totals =
            totals.plus(
                new EgressTotals(
                    Map.of(), Map.of(), 1, connection.bytesOut(), connection.bytesIn()));
      }
      return totals;
    }
  }

  /** Connects to the first address that policy lets be dialled and that answers. */
  private Socket dial(EgressTarget target) throws IOException {
    String host = target.host();
    int port = target.port();
    if (!target.isName()) {
      // Judged before it is redirected: the policy sees what the guest asked for.
      Optional<String> refusal = policy.refusalOfAddress(InetAddress.ofLiteral(host), port);
      if (refusal.isPresent()) {
        throw new DeniedException(refusal.get());
      }
    }
    Optional<ConnectTo> redirection = policy.redirection(host, port);
    if (redirection.isPresent()) {
      ConnectTo elsewhere = redirection.get();
      return connect(names.resolve(elsewhere.address()), elsewhere.addressPort());
    }
    return connect(permitted(names.resolve(host), port), port);
  }

  /** Those addresses of a host that policy lets be dialled: one at least. */
  private List<InetAddress> permitted(List<InetAddress> addresses, int port)
      throws DeniedException {
    List<InetAddress> permitted =
        addresses.stream().filter(a -> policy.refusalOfAddress(a, port).isEmpty()).toList();
    if (permitted.isEmpty()) {
      throw new DeniedException(
          policy.refusalOfAddress(addresses.getFirst(), port).orElse("not permitted"));
    }
    return permitted;
  }

  private Socket connect(List<InetAddress> addresses, int port) throws IOException {
    IOException failure = new ConnectException("no address to connect to");
    for (InetAddress address : addresses.subList(0, Math.min(addresses.size(), ADDRESSES_TRIED))) {
      Socket socket = new Socket();
      dialling.add(socket);
      try {
        if (closed) {
          throw new ConnectException("the sandbox has ended");
        }
        socket.connect(new InetSocketAddress(address, port), CONNECT_MILLIS);
        return socket;
      } catch (IOException e) {
        failure = e;
        closeQuietly(socket);
      } finally {
        dialling.remove(socket);
      }
    }
    throw failure;
  }

  private void carry(Incoming incoming, EgressTarget target, Instant asked)
      throws IOException, InterruptedException {
    try (Socket socket = dial(target)) {
      socket.setTcpNoDelay(true);
      AgentStream stream = incoming.accept();
      EgressConnection connection =
          new EgressConnection(target, stream, socket, policy, interception, quota);
      connections.add(connection);
      try {
        if (closed) {
          connection.end();
        }
        watch();
        connection.carry();
      } finally {
        ended(connection, recordOf(connection, target, socket, asked));
      }
    }
  }

  /** It is in the totals as one that is open or as one that has ended, never as both. */
  private void ended(EgressConnection connection, EgressRecord record) {
    boolean limited = record.verdict() == Verdict.LIMITED;
    synchronized (tally) {
      // Whoever sees that nothing is open any more finds it, and whoever finds it sees it counted.
      log.add(record);
      connections.remove(connection);
      tally.add(record, limited ? connection.limit() : Optional.empty());
    }
  }

  private void record(EgressRecord record) {
    record(record, Optional.empty());
  }

  private void record(EgressRecord record, Optional<Limit> limit) {
    tally.add(record, limit);
    log.add(record);
  }

  /** Connections that are idle for too long are ended by a thread that is there while they are. */
  private void watch() {
    if (watched.compareAndSet(false, true)) {
      Thread.ofVirtual()
          .name("egress-idle")
          .start(
              () -> {
                try {
                  while (!connections.isEmpty()) {
                    Thread.sleep(WATCH_INTERVAL);
                    long now = System.nanoTime();
                    connections.forEach(connection -> connection.endIfOver(now));
                  }
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                } finally {
                  watched.set(false);
                }
                if (!connections.isEmpty()) {
                  watch();
                }
              });
    }
  }

  private static void closeQuietly(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      // It is gone either way.
    }
  }

  private static EgressRecord recordOf(
      EgressConnection connection, EgressTarget target, Socket socket, Instant asked) {
    return new EgressRecord(
        asked,
        target.host(),
        target.port(),
        Optional.of(socket.getInetAddress().getHostAddress()),
        connection.verdict(),
        connection.reason(),
        connection.bytesOut(),
        connection.bytesIn(),
        Duration.between(asked, Instant.now()),
        List.copyOf(connection.secretsUsed()));
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
        Duration.between(asked, Instant.now()),
        List.of());
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
