package dev.belljar.engine.agent;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Frames of several streams over one connection, without a socket: decoding them and handing them
 * out, which dominates where frames are small, and what their number costs. An operation is a
 * mebibyte of payload, an equal part of it for each stream.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class ChannelMuxBenchmark {
  private static final int MEBIBYTE = 1 << 20;
  private static final int LARGEST_FRAME = 64 << 10;

  /** Streams from the guest. */
  @State(Scope.Benchmark)
  public static class Receiving {

    /** Bytes of payload of a frame. */
    @Param({"64", "4096", "65536"})
    public int frame;

    /** Streams at once. */
    @Param({"1", "8", "64"})
    public int streams;

    private final byte[] data = new byte[MEBIBYTE];
    private final List<AgentStream> all = new ArrayList<>();
    private @Nullable AgentConnection connection;

    /** Opens the streams. */
    @Setup(Level.Trial)
    public void connect() throws IOException {
      FramesChannel channel = new FramesChannel(frame);
      AgentConnection opened = new AgentConnection(channel, new NoStreams());
      connection = opened;
      for (int i = 0; i < streams; i++) {
        AgentStream stream = opened.newStream(false, true);
        all.add(stream);
        channel.flood(stream.id());
      }
    }

    /** Ends the connection. */
    @TearDown(Level.Trial)
    public void close() {
      if (connection != null) {
        connection.close();
      }
    }
  }

  /** Streams to the guest; their frames are as large as they may be. */
  @State(Scope.Benchmark)
  public static class Sending {

    /** Streams at once. */
    @Param({"1", "8", "64"})
    public int streams;

    private final byte[] data = new byte[MEBIBYTE];
    private final List<AgentStream> all = new ArrayList<>();
    private @Nullable AgentConnection connection;

    /** Opens the streams. */
    @Setup(Level.Trial)
    public void connect() throws IOException {
      AgentConnection opened =
          new AgentConnection(new FramesChannel(LARGEST_FRAME), new NoStreams());
      connection = opened;
      for (int i = 0; i < streams; i++) {
        all.add(opened.newStream(true, false));
      }
    }

    /** Ends the connection. */
    @TearDown(Level.Trial)
    public void close() {
      if (connection != null) {
        connection.close();
      }
    }
  }

  /** Guest to host. */
  @Benchmark
  public int receive(Receiving streams) throws IOException {
    int part = MEBIBYTE / streams.streams;
    int read = 0;
    for (AgentStream stream : streams.all) {
      read += stream.input().readNBytes(streams.data, read, part);
    }
    return read;
  }

  /** Host to guest. */
  @Benchmark
  public void send(Sending streams) throws IOException {
    int part = MEBIBYTE / streams.streams;
    int written = 0;
    for (AgentStream stream : streams.all) {
      stream.output().write(streams.data, written, part);
      written += part;
    }
  }
}
