package dev.belljar.engine.agent;

import dev.belljar.engine.agent.AgentConnection.Incoming;
import dev.belljar.engine.agent.AgentConnection.IncomingStreams;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The host's end of a channel against a peer in this process, over a UNIX socket: what the Java
 * side could carry if no guest slowed it down. For the two flows an operation is a mebibyte.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class AgentConnectionBenchmark {
  private static final int MEBIBYTES = 4;
  private static final int EINVAL = 22;

  private final byte[] ping = new byte[16];
  private final byte[] data = new byte[MEBIBYTES << 20];
  private @Nullable PeerAgent peer;
  private @Nullable Connected connected;

  private record Connected(Agent agent, AgentStream received, AgentStream sent) {}

  /** Connects both ends. */
  @Setup(Level.Trial)
  public void connect() throws IOException {
    Path directory = Files.createTempDirectory("belljar-bench-");
    Path path = directory.resolve("channel");
    try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      UnixDomainSocketAddress address = UnixDomainSocketAddress.of(path);
      listener.bind(address);
      SocketChannel ours = SocketChannel.open(address);
      PeerAgent other = new PeerAgent(listener.accept());
      Agent agent = new Agent(ours, new NoStreams());
      AgentConnection connection = agent.connection();
      AgentStream received = connection.newStream(false, true);
      connected = new Connected(agent, received, connection.newStream(true, false));
      peer = other;
      other.flood(received.id());
    } finally {
      Files.deleteIfExists(path);
      Files.delete(directory);
    }
  }

  /** Closes both ends. */
  @TearDown(Level.Trial)
  public void close() throws IOException {
    if (peer != null) {
      peer.close();
    }
    connected().agent.close();
  }

  /** A call and its result. */
  @Benchmark
  public byte[] call() throws IOException, AgentErrorException {
    return connected().agent.ping(ping);
  }

  /** Guest to host: frames are decoded, checked, and handed to the stream that they are for. */
  @Benchmark
  @OperationsPerInvocation(MEBIBYTES)
  public int receive() throws IOException {
    return connected().received.input().readNBytes(data, 0, data.length);
  }

  /** Host to guest: frames are encoded for as long as there is credit. */
  @Benchmark
  @OperationsPerInvocation(MEBIBYTES)
  public void send() throws IOException {
    connected().sent.output().write(data);
  }

  private Connected connected() {
    if (connected == null) {
      throw new IllegalStateException("not connected");
    }
    return connected;
  }

  /** The peer opens none. */
  private static final class NoStreams implements IncomingStreams {
    @Override
    public void connect(Incoming stream, String nameOrAddress, boolean isName, int port) {
      stream.refuse(EINVAL);
    }

    @Override
    public void lookup(Incoming stream, String name) {
      stream.refuse(EINVAL);
    }
  }
}
