package dev.belljar.bench;

import java.nio.file.Path;
import java.util.List;

/**
 * Something that is installed here and encloses a command: what a user would pick instead.
 *
 * @param name for the report
 * @param wrapping how
 */
record Enclosure(String name, Wrapping wrapping) {

  /** Makes of a command another that runs it enclosed. */
  @FunctionalInterface
  interface Wrapping {
    HostCommand around(HostCommand command, List<Path> writable);
  }

  /**
   * The same command in it: no network, this host's files read-only except those named.
   *
   * @param writable for enclosures that can; others keep what is written to themselves
   */
  HostCommand around(HostCommand command, Path... writable) {
    return wrapping.around(command, List.of(writable));
  }
}
