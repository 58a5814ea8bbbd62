package dev.belljar.server.sandboxes;

import dev.belljar.Sandbox;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BiConsumer;

/**
 * A sandbox that this server runs for somebody, with the sockets that are open on it. Without a
 * lifetime of its own it ends with the socket that created it.
 */
public final class HostedSandbox {
  private final Sandbox sandbox;
  private final Owner owner;
  private final Instant createdAt;
  private final boolean session;
  private final String workingDirectory;
  private final Processes processes = new Processes();
  private final Set<Connection> connections = ConcurrentHashMap.newKeySet();
  private final BiConsumer<HostedSandbox, Instant> extended;
  private final CompletableFuture<String> gone = new CompletableFuture<>();
  private volatile Optional<String> ended = Optional.empty();
  private volatile boolean ending;

  HostedSandbox(
      Sandbox sandbox,
      Owner owner,
      Instant createdAt,
      boolean session,
      String workingDirectory,
      BiConsumer<HostedSandbox, Instant> extended) {
    this.sandbox = sandbox;
    this.owner = owner;
    this.createdAt = createdAt;
    this.session = session;
    this.workingDirectory = workingDirectory;
    this.extended = extended;
  }

  /**
   * Whose a sandbox is.
   *
   * @param organization who may see it
   * @param token by which it was made
   */
  public record Owner(String organization, String token) {}

  /** A socket on a sandbox. */
  public interface Connection {
    /** Tells the client that it is over, with a code of WebSocket and a reason. Does not wait. */
    void close(int code, String reason);
  }

  /** The sandbox itself. */
  public Sandbox sandbox() {
    return sandbox;
  }

  /** Its id. */
  public String id() {
    return sandbox.id();
  }

  /** Its labels. */
  public Map<String, String> labels() {
    return sandbox.labels();
  }

  /** Whose it is. */
  public Owner owner() {
    return owner;
  }

  /** When it was made. */
  public Instant createdAt() {
    return createdAt;
  }

  /** Whether it ends with the socket that created it. */
  public boolean session() {
    return session;
  }

  /** Where its relative paths begin. */
  public String workingDirectory() {
    return workingDirectory;
  }

  /** The processes that were started in it. */
  public Processes processes() {
    return processes;
  }

  /** A socket was opened; it is closed at once where the sandbox has ended meanwhile. */
  public void opened(Connection connection) {
    connections.add(connection);
    ended.ifPresent(reason -> connection.close(Closing.NORMAL, reason));
  }

  /**
   * A socket is being closed; {@link #closed} is said of it when what belongs to it has ended. Does
   * not wait.
   *
   * @param creating whether it is the one that made the sandbox
   */
  public void closing(boolean creating) {
    if (creating && session) {
      ending = true;
    }
  }

  /**
   * A socket was closed; blocks while the sandbox ends with it.
   *
   * @param creating whether it is the one that made the sandbox
   */
  public void closed(Connection connection, boolean creating) {
    connections.remove(connection);
    if (creating && session) {
      sandbox.close();
    }
  }

  /** Ends it, whatever its lifetime; blocks until nothing is left of it. */
  public void kill() {
    ending = true;
    sandbox.kill();
  }

  /**
   * Whether this server has begun to end it, or its lifetime is over. One that ends by itself may
   * be gone before this is true.
   */
  boolean ending() {
    return ending || !sandbox.stopAt().isAfter(Instant.now());
  }

  /** Blocks until nothing is left of it, so many nanoseconds at most; whether that is so. */
  boolean awaitEnd(long nanos) {
    try {
      gone.get(nanos, TimeUnit.NANOSECONDS);
      return true;
    } catch (TimeoutException e) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    } catch (ExecutionException e) {
      throw new AssertionError("it only ever completes", e);
    }
  }

  /** How many sockets are open on it. */
  public int connections() {
    return connections.size();
  }

  /** Closes its sockets. */
  public void disconnect(int code, String reason) {
    connections.forEach(connection -> connection.close(code, reason));
  }

  /**
   * Lets it live at least until {@code wanted}, {@code longest} from now at most.
   *
   * @return what was granted
   */
  public Instant extend(Instant wanted, Duration longest) {
    Instant most = Instant.now().plus(longest);
    Instant granted = wanted.isAfter(most) ? most : wanted;
    if (session) {
      // It lives as long as its socket, which is longer than any promise.
      return granted;
    }
    Duration from = Duration.between(Instant.now(), granted);
    if (!from.isPositive()) {
      return sandbox.stopAt();
    }
    Instant until = sandbox.extendTimeout(from);
    extended.accept(this, until);
    return until;
  }

  void end(String reason) {
    ended = Optional.of(reason);
    gone.complete(reason);
    disconnect(Closing.NORMAL, reason);
  }
}
