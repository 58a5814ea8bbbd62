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
   * @param rehearse whether a second processor runs what a first command needs meanwhile
   */
  @SuppressWarnings("ArrayRecordComponent") // random bytes, made for this and used once
  public record Activation(
      Instant wallClock,
      byte[] entropy,
      String hostName,
      String machineId,
      int processLimit,
      boolean rehearse) {}

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
            .u32(activation.rehearse ? 1 : 0),
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

  /** What a disk that a restored machine has in a slot is for. */
  public enum Purpose {
    /** It is mounted at a path. */
    VOLUME(0),
    /** It is what the guest's root writes to, in place of the machine's own disk. */
    ROOT(1),
    /** It is the image below the root, in place of the template's; to be attached before that. */
    IMAGE(2);

    private final int number;

    Purpose(int number) {
      this.number = number;
    }
  }

  /**
   * Takes a disk into use. Blocks until the guest knows its size, and has mounted it.
   *
   * @param target where a volume is mounted, made if missing; {@code /} for the rest
   */
  public void attach(int slot, Purpose purpose, long bytes, String target)
      throws IOException, AgentErrorException {
    call(
        Operation.ATTACH,
        new BodyWriter().u8(slot).u8(purpose.number).u64(bytes).str(target),
        "attach '" + target + "'");
  }

  /**
   * Writes what a disk's file system holds to the disk and lets nothing more be written, until
   * {@link #thaw} or that long. What is asked meanwhile waits: the agent would wait for the disk in
   * the middle of it, and hear of no thaw.
   *
   * @param limit 1 ms to 10 s
   * @param patience how long it may take
   * @throws AgentErrorException with {@code EBUSY} while files are being copied or removed
   */
  public void freeze(int slot, Duration limit, Duration patience)
      throws IOException, AgentErrorException {
    BodyWriter body = new BodyWriter().u8(slot).u32((int) limit.toMillis());
    checked(connection.hold(Operation.FREEZE, body, patience), "freeze a disk");
  }

  /**
   * Ends a freeze.
   *
   * @throws AgentErrorException with {@code ESTALE} where it had ended by itself
   */
  public void thaw(int slot) throws IOException, AgentErrorException {
    checked(connection.release(Operation.THAW, new BodyWriter().u8(slot)), "thaw a disk");
  }

  /**
   * Has the agent say and hear nothing more until {@link #release}: a machine that is saved
   * meanwhile can be restored with another host. What is asked meanwhile waits.
   *
   * @param limit 1 ms to 60 s; then the agent goes on by itself
   * @throws AgentErrorException with {@code EBUSY} while files are being copied or removed
   */
  public void hold(Duration limit) throws IOException, AgentErrorException {
    BodyWriter body = new BodyWriter().u32((int) limit.toMillis());
    checked(connection.hold(Operation.HOLD, body, limit), "hold still");
  }

  /**
   * Ends a hold.
   *
   * @throws AgentErrorException with {@code ESTALE} where it had ended by itself
   */
  public void release() throws IOException, AgentErrorException {
    checked(connection.release(Operation.RELEASE, new BodyWriter()), "go on");
  }

  /** Sets the guest's clock, which stands still while its machine does. */
  public void setClock(Instant time) throws IOException, AgentErrorException {
    call(Operation.CLOCK, new BodyWriter().u64(nanos(time)), "set the clock");
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
