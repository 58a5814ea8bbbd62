package dev.belljar;

import java.io.InputStream;
import java.io.OutputStream;

/** An open file as streams. */
final class FsFileStreams {
  private FsFileStreams() {}

  static final class Reading extends InputStream {
    private final FsFile file;

    Reading(FsFile file) {
      this.file = file;
    }

    @Override
    public int read() {
      byte[] one = new byte[1];
      return file.read(one) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] buffer, int offset, int length) {
      return file.read(buffer, offset, length);
    }

    @Override
    public void close() {
      file.close();
    }
  }

  static final class Writing extends OutputStream {
    private final FsFile file;

    Writing(FsFile file) {
      this.file = file;
    }

    @Override
    public void write(int b) {
      file.write(new byte[] {(byte) b});
    }

    @Override
    public void write(byte[] buffer, int offset, int length) {
      file.write(buffer, offset, length);
    }

    @Override
    public void close() {
      file.close();
    }
  }
}
