package dev.belljar.cli;

/** Paths of the sandbox, as users write them. */
final class GuestPath {
  /** Where processes start, scripts go and relative paths begin. */
  static final String HOME = "/home/app";

  private GuestPath() {}

  /** The absolute path. */
  static String absolute(String path) {
    return path.startsWith("/") ? path : HOME + "/" + path;
  }
}
