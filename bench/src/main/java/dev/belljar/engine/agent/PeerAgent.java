package dev.belljar.engine.agent;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.concurrent.Semaphore;

/**
 * Plays the agent in this process, as fast as it can: greets, answers every call with its own body,
 * takes what is sent to it, and sends to one stream for as long as there is credit.
 */
final class PeerAgent implements AutoCloseable {
  private static final int CHUNK = 64 << 10;

  private final SocketChannel channel;
  private final Object writing = new Object();
  private final Semaphore credit = new Semaphore(AgentStream.WINDOW);

  PeerAgent(SocketChannel channel) {
    this.channel = channel;
    Thread.ofPlatform().daemon().name("peer-reader").start(this::read);
  }

  /** Sends DATA to that stream until the channel is closed. */
  void flood(int stream) {
    Thread.ofPlatform()
        .daemon()
        .name("peer-writer")
        .start(
            () -> {
              byte[] data = new byte[CHUNK];
              try {
                while (true) {
                  credit.acquire(CHUNK);
                  send(FrameType.DATA, stream, data);
                }
              } catch (IOException | InterruptedException e) {
                // The benchmark is over.
              }
            });
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }

  private void read() {
    ByteBuffer header = ByteBuffer.allocate(FrameType.HEADER);
    int owed = 0;
    try {
      while (true) {
        readFully(header.clear());
        int length = header.getInt(0);
        int type = header.get(4);
        int id = header.getInt(8);
        ByteBuffer payload = ByteBuffer.allocate(length);
        readFully(payload);
        if (type == FrameType.HELLO.code) {
          send(FrameType.HELLO, 0, payload.array());
        } else if (type == FrameType.CALL.code) {
          // The operation's two bytes give way to an errno of four.
          byte[] result = new byte[length + 2];
          System.arraycopy(payload.array(), 2, result, 4, length - 2);
          send(FrameType.RESULT, id, result);
        } else if (type == FrameType.CREDIT.code) {
          credit.release(payload.getInt(0));
        } else if (type == FrameType.DATA.code) {
          owed += length;
          if (owed >= CHUNK) {
            send(FrameType.CREDIT, id, ByteBuffer.allocate(4).putInt(owed).array());
            owed = 0;
          }
        }
      }
    } catch (IOException e) {
      // The benchmark is over.
    }
  }

  private void readFully(ByteBuffer target) throws IOException {
    while (target.hasRemaining()) {
      if (channel.read(target) < 0) {
        throw new EOFException();
      }
    }
  }

  private void send(FrameType type, int id, byte[] payload) throws IOException {
    ByteBuffer frame =
        ByteBuffer.allocate(FrameType.HEADER + payload.length)
            .putInt(payload.length)
            .put((byte) type.code)
            .put(new byte[3])
            .putInt(id)
            .put(payload)
            .flip();
    synchronized (writing) {
      while (frame.hasRemaining()) {
        channel.write(frame);
      }
    }
  }
}
