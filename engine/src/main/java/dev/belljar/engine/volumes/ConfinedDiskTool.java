package dev.belljar.engine.volumes;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * QEMU's disk tool for files that a machine may have written to: confined as a machine is, it can
 * do no harm but to what it is given.
 */
public interface ConfinedDiskTool {

  /**
   * How it ended.
   *
   * @param status its exit status
   * @param output the beginning of what it wrote on standard output
   * @param complaints the beginning of what it wrote on standard error
   */
  record Ended(int status, String output, String complaints) {}

  /** What it is to do, in the names that files have where it runs. */
  interface Arguments {
    /** All words behind the program's name. */
    List<String> of(List<String> read, String written);
  }

  /**
   * Runs it, for as long as it takes.
   *
   * @param read files that it may read; nobody writes to them meanwhile
   * @param written a file that it may write to, which is there
   * @param largest bytes that this may have
   * @param limit how long it may take
   * @throws IOException where it cannot be started or takes longer
   */
  Ended run(
      List<Path> read, Optional<Path> written, long largest, Duration limit, Arguments arguments)
      throws IOException;
}
