package dev.belljar;

import java.time.Instant;
import java.util.Optional;

/**
 * What the guest says of a file.
 *
 * @param type what it is
 * @param size bytes
 * @param mtime last change of the content
 * @param atime last access
 * @param ctime last change of the content or of what is said of it
 * @param birthtime when it was made, where the file system knows
 * @param dev the device it is on
 * @param ino its number there
 * @param mode type and permission bits, as {@code st_mode}
 * @param nlink hard links
 * @param uid owner
 * @param gid group
 * @param rdev the device it is, for a device
 * @param blksize the file system's preferred block size, in bytes
 * @param blocks blocks of 512 bytes that it takes
 */
public record FileInfo(
    FileType type,
    long size,
    Instant mtime,
    Instant atime,
    Instant ctime,
    Optional<Instant> birthtime,
    long dev,
    long ino,
    int mode,
    long nlink,
    int uid,
    int gid,
    long rdev,
    int blksize,
    long blocks) {

  /** Whether it is a regular file. */
  public boolean isFile() {
    return type == FileType.FILE;
  }

  /** Whether it is a directory. */
  public boolean isDirectory() {
    return type == FileType.DIRECTORY;
  }

  /** Whether it is a symbolic link. */
  public boolean isSymlink() {
    return type == FileType.SYMLINK;
  }
}
