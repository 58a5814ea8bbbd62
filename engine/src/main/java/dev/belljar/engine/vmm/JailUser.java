package dev.belljar.engine.vmm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/**
 * Whom a machine's QEMU runs as, outside of its namespaces. Where Belljar runs as root, each
 * machine has a user id of its own that no account has, so that neither another machine nor another
 * user's process may signal it, trace it or open its files. Otherwise it is the user who started
 * it.
 *
 * @param id the user's and the group's id
 * @param kind how it relates to other processes
 */
public record JailUser(int id, Kind kind) {
  /** How a machine's user relates to other processes. */
  enum Kind {
    /** It runs this machine and nothing else. */
    OF_THE_MACHINE,
    /** {@code nobody}, where this user namespace has no ids to spare. */
    NOBODY,
    /** Whoever started Belljar. */
    OURS
  }

  /** {@code nobody} on every Linux. */
  static final int NOBODY_ID = 65_534;

  /**
   * The range that systemd's list of ids (https://systemd.io/UIDS-GIDS) gives to nobody, without
   * its ends.
   */
  static final int FIRST = 1_900_000_000;

  /** How many ids the range has. */
  static final int COUNT = 200_000_000;

  /** Where this process begins, so that two that run at once seldom have the same. */
  private static final AtomicInteger NEXT = new AtomicInteger(new SecureRandom().nextInt(COUNT));

  private static final boolean MAPPED = mapped(Path.of("/proc/self/uid_map"));

  /** Of the next machine. */
  static JailUser next(int ownId) {
    if (ownId != 0) {
      return new JailUser(ownId, Kind.OURS);
    }
    return MAPPED
        ? new JailUser(FIRST + Math.floorMod(NEXT.getAndIncrement(), COUNT), Kind.OF_THE_MACHINE)
        : new JailUser(NOBODY_ID, Kind.NOBODY);
  }

  /** Gives a directory or file to this user, where it is somebody else. */
  public void take(Path file) throws IOException {
    if (kind != Kind.OURS) {
      Files.setAttribute(file, "unix:uid", id, LinkOption.NOFOLLOW_LINKS);
      Files.setAttribute(file, "unix:gid", id, LinkOption.NOFOLLOW_LINKS);
    }
  }

  /** Whether a file's owner is this user. */
  public boolean owns(int uid) {
    return uid == id;
  }

  /** Whether a user namespace has the whole range, by its {@code uid_map}. */
  static boolean mapped(Path map) {
    try (Stream<String> lines = Files.lines(map)) {
      return lines
          .map(line -> line.strip().split("\\s+", -1))
          .anyMatch(
              part ->
                  part.length == 3
                      && Long.parseLong(part[0]) <= FIRST
                      && Long.parseLong(part[0]) + Long.parseLong(part[2]) >= (long) FIRST + COUNT);
    } catch (IOException | java.io.UncheckedIOException | NumberFormatException e) {
      return false;
    }
  }
}
