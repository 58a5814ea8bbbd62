package dev.belljar.engine;

import dev.belljar.SandboxUnavailableException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * The subordinate user and group ids of a user (subuid(5)), which users other than root build the
 * image with.
 *
 * @param user whose
 * @param missing the files that give that user none
 */
record SubordinateIds(String user, List<String> missing) {

  static SubordinateIds ofUser() {
    return of(System.getProperty("user.name", ""), Path.of("/etc/subuid"), Path.of("/etc/subgid"));
  }

  static SubordinateIds of(String user, Path... files) {
    return new SubordinateIds(
        user, Stream.of(files).filter(file -> !names(file, user)).map(Path::toString).toList());
  }

  /** The command that gives them; empty where they are there. */
  String fix() {
    return missing.isEmpty() ? "" : "sudo " + String.join(" ", command());
  }

  /**
   * Makes sure that they are there.
   *
   * @throws SandboxUnavailableException where they are not and this user may not change that
   */
  void provide(boolean allowed, Progress progress) {
    if (missing.isEmpty()) {
      return;
    }
    if (!allowed) {
      throw new SandboxUnavailableException(
          "The user "
              + user
              + " has no subordinate ids, which the image is built with. Run: "
              + fix());
    }
    progress.step("Giving " + user + " subordinate ids");
    HostPackages.runAsRoot(command(), "Run: " + fix());
  }

  private List<String> command() {
    return List.of(
        "usermod", "--add-subuids", "100000-165535", "--add-subgids", "100000-165535", user);
  }

  private static boolean names(Path file, String user) {
    try (Stream<String> lines = Files.lines(file, StandardCharsets.UTF_8)) {
      String uid = Files.getAttribute(Path.of("/proc/self"), "unix:uid").toString();
      return lines.anyMatch(line -> line.startsWith(user + ":") || line.startsWith(uid + ":"));
    } catch (IOException | java.io.UncheckedIOException e) {
      return false;
    }
  }
}
