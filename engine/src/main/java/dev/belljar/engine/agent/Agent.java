package dev.belljar.engine.agent;

import dev.belljar.engine.agent.AgentConnection.Call;
import dev.belljar.engine.agent.AgentConnection.IncomingStreams;
import dev.belljar.engine.agent.AgentConnection.Result;
import java.io.IOException;
import java.nio.channels.ByteChannel;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * The agent of one machine, as the host drives it. Every method blocks until the agent answered; an
 * {@link IOException} says that the connection is gone, an {@link AgentErrorException} that the
 * guest's kernel refused.
 */
public final class Agent implements AutoCloseable {
  private final AgentConnection connection;
  private final AgentFiles files;

  /** Takes ownership of the channel and greets; see {@link #awaitGreeting}. */
  public Agent(ByteChannel channel, IncomingStreams incoming) throws IOException {
    connection = new AgentConnection(channel, incoming);
    files = new AgentFiles(this);
  }

  /**
   * What makes a restored machine one of its own.
   *
   * @param wallClock the time
   * @param entropy 32 to 512 random bytes
   * @param hostName 1 to 63 characters
   * @param machineId 32 hexadecimal digits
   * @param processLimit how many processes may exist
   */
  @SuppressWarnings("ArrayRecordComponent") // random bytes, made for this and used once
  public record Activation(
      Instant wallClock, byte[] entropy, String hostName, String machineId, int processLimit) {}

  /**
   * How much of the machine is used; bytes, milliseconds of uptime, microseconds of processor time.
   */
  public record Statistics(
      long memoryTotal,
      long memoryAvailable,
      long diskTotal,
      long diskFree,
      int processes,
      long uptimeMillis,
      long cpuMicros) {}

  /** Waits for the agent's greeting, which says that the guest is up. */
  public void awaitGreeting(Duration limit) throws IOException, TimeoutException {
    try {
      connection.greeted().get(limit.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new java.io.InterruptedIOException("Interrupted while the machine started.");
    } catch (ExecutionException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new IOException(cause.getMessage(), e);
    }
  }

  /** The files of the guest. */
  public AgentFiles files() {
    return files;
  }

  /** Completes, with the reason, when the connection has ended. */
  public CompletableFuture<IOException> ended() {
    return connection.ended();
  }

  /** Makes a restored machine one of its own: clock, entropy, names, limits. */
  public void activate(Activation activation) throws IOException, AgentErrorException {
    Instant time = activation.wallClock;
    call(
        Operation.ACTIVATE,
        new BodyWriter()
            .u64(nanos(time))
            .str(activation.entropy)
            .str(activation.hostName)
            .str(activation.machineId)
            .u32(activation.processLimit)
            .u32(0),
        "activate");
  }

  /** Sends bytes there and back. */
  public byte[] ping(byte[] bytes) throws IOException, AgentErrorException {
    return call(Operation.PING, new BodyWriter().raw(bytes, 0, bytes.length), "ping").rest();
  }

  /** How much of the machine is used. */
  public Statistics statistics() throws IOException, AgentErrorException {
    BodyReader body = call(Operation.STATS, new BodyWriter(), "statistics");
    return new Statistics(
        body.u64(), body.u64(), body.u64(), body.u64(), body.u32(), body.u64(), body.u64());
  }

  /** Ends all processes, syncs, and powers the machine off. */
  public void shutdown() throws IOException, AgentErrorException {
    call(Operation.SHUTDOWN, new BodyWriter(), "shutdown");
  }

  /**
   * Writes everything to the disks; before a freeze, also makes ready what a restored machine
   * needs.
   */
  public void sync(boolean beforeFreeze) throws IOException, AgentErrorException {
    call(Operation.SYNC, new BodyWriter().bool(beforeFreeze), "sync");
  }

  /** Mounts a file system. */
  public void mount(String source, String target, String type, long flags, String data)
      throws IOException, AgentErrorException {
    call(
        Operation.MOUNT,
        new BodyWriter().str(source).str(target).str(type).u64(flags).str(data),
        "mount '" + target + "'");
  }

  /** Unmounts a file system. */
  public void unmount(String target, int flags) throws IOException, AgentErrorException {
    call(Operation.UNMOUNT, new BodyWriter().str(target).u32(flags), "unmount '" + target + "'");
  }

  /** Connects to a port of the guest's loopback. */
  public AgentStream dial(int port) throws IOException, AgentErrorException {
    return connection.dial(port);
  }

  /** Starts a process. */
  public AgentProcess spawn(AgentProcess.Start start) throws IOException, AgentErrorException {
    return AgentProcess.spawn(this, connection, start);
  }

  /** Ends the connection. Idempotent. */
  @Override
  public void close() {
    connection.close();
  }

  AgentConnection connection() {
    return connection;
  }

  BodyReader call(Operation operation, BodyWriter body, String what)
      throws IOException, AgentErrorException {
    return checked(connection.call(operation, body), what);
  }

  BodyReader await(Call call, String what) throws IOException, AgentErrorException {
    return checked(connection.await(call), what);
  }

  static long nanos(Instant time) {
    return Math.addExact(Math.multiplyExact(time.getEpochSecond(), 1_000_000_000L), time.getNano());
  }

  private static BodyReader checked(Result result, String what) throws AgentErrorException {
    if (result.errno() != 0) {
      throw new AgentErrorException(result.errno(), what);
    }
    return result.body();
  }
}
