package dev.belljar;

import java.io.InputStream;
import java.io.OutputStream;
import java.time.Instant;

/**
 * An open file of a sandbox. Every method blocks, and throws {@link FileSystemOperationException}
 * where the guest's kernel refuses.
 */
public interface FsFile extends AutoCloseable {

  /** Where a seek counts from. */
  enum SeekMode {
    /** The start of the file. */
    START,
    /** The current position. */
    CURRENT,
    /** The end of the file. */
    END
  }

  /**
   * Reads at the position.
   *
   * @return how many bytes were read, −1 at the end of the file
   */
  int read(byte[] buffer, int offset, int length);

  /** As {@link #read(byte[], int, int)} into the whole buffer. */
  default int read(byte[] buffer) {
    return read(buffer, 0, buffer.length);
  }

  /** Writes all of it at the position. */
  void write(byte[] buffer, int offset, int length);

  /** As {@link #write(byte[], int, int)} of the whole buffer. */
  default void write(byte[] buffer) {
    write(buffer, 0, buffer.length);
  }

  /** Moves the position; gives the new one, from the start. */
  long seek(long offset, SeekMode from);

  /** What the guest says of the file. */
  FileInfo stat();

  /** Makes the file that long. */
  void truncate(long size);

  /** Writes content and metadata to the sandbox's disk. */
  void sync();

  /** Writes the content to the sandbox's disk. */
  void syncData();

  /** Sets the times. */
  void utime(Instant access, Instant modification);

  /** Waits for the advisory lock ({@code flock}) and takes it. */
  void lock(boolean exclusive);

  /** Gives the advisory lock back. */
  void unlock();

  /** The rest of the file as a stream; closing it closes the file. */
  default InputStream readable() {
    return new FsFileStreams.Reading(this);
  }

  /** A stream that writes at the position; closing it closes the file. */
  default OutputStream writable() {
    return new FsFileStreams.Writing(this);
  }

  /** Closes the file. Idempotent. */
  @Override
  void close();
}
