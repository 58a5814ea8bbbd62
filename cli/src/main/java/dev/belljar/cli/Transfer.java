package dev.belljar.cli;

import dev.belljar.ByteSize;
import java.io.FilterInputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/** Tells on a terminal how many bytes went by. */
final class Transfer {
  private static final long STEP = 8 << 20;

  private final ProgressLine progress;
  private final boolean shown;
  private final String what;
  private long bytes;

  Transfer(ProgressLine progress, boolean shown, String what) {
    this.progress = progress;
    this.shown = shown;
    this.what = what;
    if (shown) {
      progress.step(what);
    }
  }

  private void passed(long count) {
    long before = bytes / STEP;
    bytes += count;
    if (shown && bytes / STEP > before) {
      progress.step(what + ": " + new ByteSize(bytes / STEP * STEP));
    }
  }

  /** The same stream, counted. */
  OutputStream counting(OutputStream out) {
    return new FilterOutputStream(out) {
      @Override
      public void write(int octet) throws IOException {
        out.write(octet);
        passed(1);
      }

      @Override
      public void write(byte[] content, int from, int length) throws IOException {
        out.write(content, from, length);
        passed(length);
      }
    };
  }

  /** The same stream, counted. */
  InputStream counting(InputStream in) {
    return new FilterInputStream(in) {
      @Override
      public int read() throws IOException {
        int octet = in.read();
        passed(octet < 0 ? 0 : 1);
        return octet;
      }

      @Override
      public int read(byte[] content, int from, int length) throws IOException {
        int count = in.read(content, from, length);
        passed(Math.max(0, count));
        return count;
      }
    };
  }
}
