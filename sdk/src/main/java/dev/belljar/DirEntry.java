package dev.belljar;

/**
 * An entry of a directory.
 *
 * @param name without the directory; bytes that are no UTF-8 become U+FFFD
 * @param type what it is
 */
public record DirEntry(String name, FileType type) {

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
