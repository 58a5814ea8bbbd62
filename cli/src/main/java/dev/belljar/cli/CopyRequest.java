package dev.belljar.cli;

import dev.belljar.InvalidOptionException;
import dev.belljar.Sandbox;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * One {@code --copy LOCAL[:GUEST]}.
 *
 * @param local a file or directory of this host
 * @param guest where it goes in the sandbox, absolute
 */
record CopyRequest(Path local, String guest) {

  /**
   * Reads the option. A colon may be part of a local name: what exists as a whole is one.
   *
   * @throws InvalidOptionException where there is no such file, or it is none that can be copied
   */
  static CopyRequest parse(String text) {
    int colon = text.lastIndexOf(':');
    if (colon <= 0 || Files.exists(LocalPath.of(text))) {
      return checked(text, defaultTarget(text));
    }
    String target = text.substring(colon + 1);
    String local = text.substring(0, colon);
    return checked(local, target.isEmpty() ? defaultTarget(local) : GuestPath.absolute(target));
  }

  /** Copies it. */
  void apply(Sandbox sandbox) throws IOException {
    int slash = guest.lastIndexOf('/');
    if (slash > 0) {
      sandbox.fs().mkdirs(guest.substring(0, slash));
    }
    sandbox.fs().upload(local, guest);
  }

  private static CopyRequest checked(String text, String guest) {
    Path local = LocalPath.of(text);
    if (!Files.exists(local)) {
      throw new InvalidOptionException("--copy " + text + ": there is no such file or directory.");
    }
    if (!Files.isDirectory(local) && !Files.isRegularFile(local)) {
      throw new InvalidOptionException(
          "--copy " + text + ": only files and directories can be copied.");
    }
    return new CopyRequest(local, guest);
  }

  private static String defaultTarget(String text) {
    Path name = LocalPath.of(text).normalize().getFileName();
    if (name == null || name.toString().isEmpty()) {
      return GuestPath.HOME;
    }
    if (name.toString().equals("..")) {
      throw new InvalidOptionException(
          "--copy "
              + text
              + " does not say what it is called in the sandbox. Write --copy "
              + text
              + ":GUEST.");
    }
    return GuestPath.HOME + "/" + name;
  }
}
