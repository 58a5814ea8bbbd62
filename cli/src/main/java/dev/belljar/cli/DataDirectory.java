package dev.belljar.cli;

import java.nio.file.Path;
import java.util.Map;

/** Where a server keeps what it remembers, unless it is told. */
final class DataDirectory {
  private DataDirectory() {}

  /** As the XDG Base Directory Specification has it. */
  static Path ofUser(Map<String, String> environment) {
    String own = environment.get("BELLJAR_DATA");
    if (own != null && !own.isEmpty()) {
      return Path.of(own);
    }
    String data = environment.get("XDG_DATA_HOME");
    if (data != null && data.startsWith("/")) {
      return Path.of(data, "belljar");
    }
    return Path.of(System.getProperty("user.home"), ".local", "share", "belljar");
  }
}
