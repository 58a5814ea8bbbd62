package dev.belljar.engine;

import dev.belljar.engine.agent.StreamResetException;
import java.io.IOException;
import java.io.OutputStream;

/** What a process reads; says in words when nobody does any more. */
final class ProcessInput extends OutputStream {
  private final OutputStream stream;

  ProcessInput(OutputStream stream) {
    this.stream = stream;
  }

  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    try {
      stream.write(bytes, offset, length);
    } catch (StreamResetException e) {
      throw new IOException("broken pipe: the process has ended or closed its input", e);
    }
  }

  @Override
  public void close() throws IOException {
    stream.close();
  }
}
