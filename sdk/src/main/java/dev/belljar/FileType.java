package dev.belljar;

/** What a file is. */
public enum FileType {
  /** A regular file. */
  FILE,
  /** A directory. */
  DIRECTORY,
  /** A symbolic link. */
  SYMLINK,
  /** A block device. */
  BLOCK_DEVICE,
  /** A character device. */
  CHARACTER_DEVICE,
  /** A named pipe. */
  FIFO,
  /** A Unix socket. */
  SOCKET,
  /** Something else, or not known. */
  OTHER
}
