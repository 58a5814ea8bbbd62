package dev.belljar.engine.agent;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.belljar.engine.agent.AgentConnection.Incoming;
import dev.belljar.engine.agent.AgentConnection.IncomingStreams;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/** The guest's end of a channel in the hands of a test, which says whatever it likes. */
public final class ScriptedPeer implements AutoCloseable {
  public static final int HELLO = 1;
  public static final int CALL = 2;
  public static final int RESULT = 3;
  public static final int EXIT = 4;
  public static final int OPEN = 5;
  public static final int ACCEPT = 6;
  public static final int REFUSE = 7;
  public static final int DATA = 8;
  public static final int END = 9;
  public static final int RESET = 10;
  public static final int CREDIT = 11;

  /** The first id of a stream that an agent opens. */
  public static final int AGENT_ID = 0x80000000;

  private final AgentConnection connection;
  private final SocketChannel channel;
  private final DataInputStream in;

  /** A frame from the host. */
  @SuppressWarnings("ArrayRecordComponent") // looked at, not compared
  public record Frame(int type, int id, byte[] payload) {
    public int u32() {
      return ByteBuffer.wrap(payload).getInt();
    }
  }

  private ScriptedPeer(AgentConnection connection, SocketChannel channel) {
    this.connection = connection;
    this.channel = channel;
    in = new DataInputStream(Channels.newInputStream(channel));
  }

  /** A connection to this peer; the host's HELLO is read already. */
  public static ScriptedPeer connected(IncomingStreams incoming) throws IOException {
    String name =
        "belljar-test-" + HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());
    Path socket = Path.of(System.getProperty("java.io.tmpdir"), name);
    try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      listener.bind(UnixDomainSocketAddress.of(socket));
      SocketChannel host = SocketChannel.open(UnixDomainSocketAddress.of(socket));
      SocketChannel guest = listener.accept();
      ScriptedPeer peer = new ScriptedPeer(new AgentConnection(host, incoming), guest);
      peer.next(HELLO);
      return peer;
    } finally {
      Files.deleteIfExists(socket);
    }
  }

  /** As above; streams that the peer opens are refused. */
  static ScriptedPeer connected() throws IOException {
    return connected(new Refusing());
  }

  AgentConnection connection() {
    return connection;
  }

  public ScriptedPeer send(int type, int id, byte... payload) throws IOException {
    return raw(frame(payload.length, type, 0, id, payload));
  }

  ScriptedPeer raw(byte[] bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
    return this;
  }

  /** The next frame from the host. */
  public Frame next() throws IOException {
    int length = in.readInt();
    int type = in.readUnsignedByte();
    in.skipNBytes(3);
    int id = in.readInt();
    return new Frame(type, id, in.readNBytes(length));
  }

  /** The next frame from the host, which must be of that type. */
  Frame next(int type) throws IOException {
    Frame frame = next();
    if (frame.type != type) {
      throw new AssertionError("a frame of type " + frame.type + " instead of " + type);
    }
    return frame;
  }

  /** Says nothing more. */
  void hangUp() throws IOException {
    channel.close();
  }

  @Override
  public void close() throws IOException {
    connection.close();
    channel.close();
  }

  /** A frame whose length need not be that of its payload. */
  static byte[] frame(int length, int type, int zero, int id, byte... payload) {
    return ByteBuffer.allocate(12 + payload.length)
        .putInt(length)
        .putInt(type << 24 | zero)
        .putInt(id)
        .put(payload)
        .array();
  }

  static byte[] u32(int value) {
    return ByteBuffer.allocate(4).putInt(value).array();
  }

  static byte[] join(byte[]... parts) {
    int length = 0;
    for (byte[] part : parts) {
      length += part.length;
    }
    ByteBuffer all = ByteBuffer.allocate(length);
    for (byte[] part : parts) {
      all.put(part);
    }
    return all.array();
  }

  /** The payload of an OPEN CONNECT. */
  public static byte[] connect(int form, byte[] host, int port) {
    byte[] length = form == 0 ? u32(host.length) : new byte[0];
    byte[] end = {(byte) (port >> 8), (byte) port};
    return join(new byte[] {1, (byte) form}, length, host, end);
  }

  /** The payload of an OPEN LOOKUP. */
  public static byte[] lookup(String name) {
    return join(new byte[] {2}, u32(name.length()), name.getBytes(US_ASCII));
  }

  /** Lets nothing in. */
  static final class Refusing implements IncomingStreams {
    /** The text that the last one asked for. */
    final Set<String> asked = java.util.concurrent.ConcurrentHashMap.newKeySet();

    @Override
    public void connect(Incoming stream, String nameOrAddress, boolean isName, int port) {
      asked.add(nameOrAddress + (isName ? " name " : " address ") + port);
      stream.refuse(13);
    }

    @Override
    public void lookup(Incoming stream, String name) {
      asked.add(name);
      stream.refuse(2);
    }
  }
}
