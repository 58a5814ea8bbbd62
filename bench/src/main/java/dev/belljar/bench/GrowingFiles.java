package dev.belljar.bench;

import dev.belljar.Sandbox;
import dev.belljar.WriteOptions;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.Random;

/** Larger and larger files through the API, written from a stream and read as one. */
final class GrowingFiles implements GrowingSubject {
  private static final long[] SIZES = {
    1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000
  };
  private static final long MOST_WHEN_QUICK = 10_000_000;

  /** Each size is moved until so much was, but not less often or more often than this. */
  private static final long ENOUGH = 200_000_000;

  private static final int LEAST_RUNS = 1;
  private static final int MOST_RUNS = 30;
  private static final int WARM_UPS = 50;
  private static final String GUEST_FILE = "/tmp/data";

  /** Repeats itself, but not within what anything on the way could see at once. */
  private final byte[] block = new byte[4 << 20];

  GrowingFiles() {
    new Random(1).nextBytes(block);
  }

  @Override
  public String name() {
    return "files";
  }

  @Override
  public Growth measure(Workbench bench, Steps steps) throws Exception {
    Growth.Builder growth = new Growth.Builder();
    try (Sandbox sandbox = Sandbox.create()) {
      for (int i = 0; i < WARM_UPS; i++) {
        move(sandbox, SIZES[2], new Recording());
      }
      steps.take(
          size -> {
            Recording figures = new Recording();
            long runs = Math.clamp(ENOUGH / size, LEAST_RUNS, MOST_RUNS);
            for (int i = 0; i < runs; i++) {
              move(sandbox, size, figures);
            }
            growth.step(size);
            for (String direction : new String[] {"write", "read"}) {
              growth.add(
                  direction,
                  direction + ", p50",
                  Unit.MEGABYTES_PER_SECOND,
                  figures.samples(direction, Unit.MEGABYTES_PER_SECOND).p50());
            }
          },
          MOST_WHEN_QUICK,
          SIZES);
    }
    return growth.build(name(), "Files through the API", "size of the file", true);
  }

  private void move(Sandbox sandbox, long size, Recording into) throws IOException {
    long began = System.nanoTime();
    sandbox.fs().writeFile(GUEST_FILE, new Repeated(size), WriteOptions.DEFAULT);
    into.addRateSince("write", began, size);
    byte[] buffer = new byte[1 << 20];
    began = System.nanoTime();
    long read = 0;
    try (InputStream in = sandbox.fs().newInputStream(GUEST_FILE)) {
      int length;
      while ((length = in.readNBytes(buffer, 0, buffer.length)) > 0) {
        check(buffer, length, read);
        read += length;
      }
    }
    into.addRateSince("read", began, size);
    if (read != size) {
      throw new IOException(read + " bytes were read, not " + size);
    }
    sandbox.fs().remove(GUEST_FILE);
  }

  /** What is compared is whole parts of the block: its length is a multiple of the buffer's. */
  private void check(byte[] buffer, int length, long at) throws IOException {
    int from = Math.toIntExact(at % block.length);
    if (!Arrays.equals(buffer, 0, length, block, from, from + length)) {
      throw new IOException("What was read is not what was written.");
    }
  }

  /** The block again and again. */
  private final class Repeated extends InputStream {
    private final long size;
    private long at;

    Repeated(long size) {
      this.size = size;
    }

    @Override
    public int read() {
      return at == size ? -1 : block[Math.toIntExact(at++ % block.length)] & 0xff;
    }

    @Override
    public int read(byte[] target, int offset, int length) {
      if (at == size) {
        return length == 0 ? 0 : -1;
      }
      int from = Math.toIntExact(at % block.length);
      int part = (int) Math.min(Math.min(length, block.length - from), size - at);
      System.arraycopy(block, from, target, offset, part);
      at += part;
      return part;
    }
  }
}
