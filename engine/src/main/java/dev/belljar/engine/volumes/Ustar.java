package dev.belljar.engine.volumes;

import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;

/**
 * Files in the tar format of POSIX.1-1988 (ustar), as much of it as an export needs: regular files
 * below 8 GiB with short names. Whatever else a tar may hold is refused.
 */
final class Ustar {
  private static final int BLOCK = 512;
  private static final int NAME = 100;
  private static final int SIZE_AT = 124;
  private static final int SIZE_DIGITS = 11;
  private static final int SUM_AT = 148;
  private static final int SUM_BYTES = 8;
  private static final int TYPE_AT = 156;
  private static final int MAGIC_AT = 257;
  private static final int PREFIX_AT = 345;
  private static final int PREFIX_BYTES = 155;
  private static final byte[] MAGIC = "ustar\u000000".getBytes(StandardCharsets.US_ASCII);

  /** What eleven octal digits hold. */
  static final long LARGEST = (1L << 33) - 1;

  private Ustar() {}

  /** A file in an archive; its content follows. */
  record Entry(String name, long bytes) {}

  /** Writes files one after the other. */
  static final class Writer {
    private final OutputStream out;

    Writer(OutputStream out) {
      this.out = out;
    }

    /** Begins a file; exactly as many bytes must be written to the stream before {@link #pad}. */
    void begin(Entry entry) throws IOException {
      byte[] block = new byte[BLOCK];
      put(block, 0, entry.name);
      put(block, NAME, "0000644\0");
      put(block, 108, "0000000\0");
      put(block, 116, "0000000\0");
      put(block, SIZE_AT, "%011o".formatted(entry.bytes) + " ");
      put(block, 136, "00000000000 ");
      block[TYPE_AT] = '0';
      System.arraycopy(MAGIC, 0, block, MAGIC_AT, MAGIC.length);
      put(block, SUM_AT, "%06o\0 ".formatted(sum(block)));
      out.write(block);
    }

    /** Ends a file of that size. */
    void pad(long bytes) throws IOException {
      out.write(new byte[padding(bytes)]);
    }

    /** A file that is held. */
    void write(String name, byte[] content, int length) throws IOException {
      begin(new Entry(name, length));
      out.write(content, 0, length);
      pad(length);
    }

    /** Ends the archive. */
    void end() throws IOException {
      out.write(new byte[2 * BLOCK]);
      out.flush();
    }

    private static void put(byte[] block, int at, String text) {
      byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
      System.arraycopy(bytes, 0, block, at, bytes.length);
    }
  }

  /** Reads files one after the other, from whoever may have written them. */
  static final class Reader {
    private final InputStream in;

    Reader(InputStream in) {
      this.in = in;
    }

    /**
     * The next file, whose content is then read by {@link #read}; empty at the end.
     *
     * @throws StorageException where something else is there
     */
    Optional<Entry> next() throws IOException {
      byte[] block = new byte[BLOCK];
      fill(block, BLOCK);
      if (Arrays.equals(block, new byte[BLOCK])) {
        return Optional.empty();
      }
      boolean plain =
          Arrays.equals(block, MAGIC_AT, MAGIC_AT + MAGIC.length, MAGIC, 0, MAGIC.length)
              && block[TYPE_AT] == '0'
              && Arrays.equals(
                  block, PREFIX_AT, PREFIX_AT + PREFIX_BYTES, new byte[PREFIX_BYTES], 0, 155);
      if (!plain || octal(block, SUM_AT, SUM_BYTES - 2) != sum(block)) {
        throw refused("it is no tar of plain files, or damaged");
      }
      int end = 0;
      while (end < NAME && block[end] != 0) {
        end++;
      }
      return Optional.of(
          new Entry(
              new String(block, 0, end, StandardCharsets.ISO_8859_1),
              octal(block, SIZE_AT, SIZE_DIGITS)));
    }

    /** Reads that much of a file's content. */
    void read(byte[] content, int length) throws IOException {
      fill(content, length);
    }

    /** Goes on behind a file of that size. */
    void skipPadding(long bytes) throws IOException {
      fill(new byte[BLOCK], padding(bytes));
    }

    private void fill(byte[] bytes, int length) throws IOException {
      if (in.readNBytes(bytes, 0, length) < length) {
        throw refused("it ends too early");
      }
    }

    private static long octal(byte[] block, int at, int digits) {
      long value = 0;
      for (int i = at; i < at + digits; i++) {
        if (block[i] < '0' || block[i] > '7') {
          throw refused("a number in it is none");
        }
        value = value * 8 + block[i] - '0';
      }
      return value;
    }
  }

  static StorageException refused(String why) {
    return new StorageException(
        Reason.DAMAGED, "The file is no export that can be imported: " + why + ".");
  }

  private static int padding(long bytes) {
    return (int) ((BLOCK - bytes % BLOCK) % BLOCK);
  }

  /** Of all bytes, those of the sum itself taken for blanks. */
  private static int sum(byte[] block) {
    int sum = 0;
    for (int i = 0; i < BLOCK; i++) {
      sum += i >= SUM_AT && i < SUM_AT + SUM_BYTES ? ' ' : block[i] & 0xff;
    }
    return sum;
  }
}
