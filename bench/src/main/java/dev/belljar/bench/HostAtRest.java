package dev.belljar.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/**
 * Waits until this host has come to rest: what a task leaves behind (podman's cleanup, QEMU's end,
 * a machine that a pool makes anew) is no part of what is measured next.
 */
final class HostAtRest {
  private static final Path STAT = Path.of("/proc/stat");
  private static final long WINDOW_MILLIS = 100;
  private static final double REST = 0.9;
  private static final long LONGEST_MILLIS = 2000;

  /** After so many waits in vain somebody else works here, whose end is not waited for. */
  private static final int MOST_IN_VAIN = 3;

  /** Of the columns of proc_stat(5); those behind them are counted in the first two as well. */
  private static final int COLUMNS = 8;

  private static final int IDLE = 3;
  private static final int WAITS_FOR_DISK = 4;

  private int inVain;

  /**
   * Returns when all processors together were idle for nine tenths of a tenth of a second, and
   * after two seconds in any case. On a host that did not come to rest three times in a row, it
   * waits for a tenth of a second.
   */
  void await() throws IOException, InterruptedException {
    long longest = inVain < MOST_IN_VAIN ? LONGEST_MILLIS : WINDOW_MILLIS;
    long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(longest);
    Ticks before = Ticks.now();
    do {
      Thread.sleep(WINDOW_MILLIS);
      Ticks now = Ticks.now();
      if (now.idle - before.idle >= REST * (now.all - before.all)) {
        inVain = 0;
        return;
      }
      before = now;
    } while (System.nanoTime() < until);
    inVain++;
  }

  /** Time of all processors since the host's start. */
  private record Ticks(long idle, long all) {

    static Ticks now() throws IOException {
      String line = Files.readAllLines(STAT).getFirst();
      long[] columns =
          Arrays.stream(line.split(" +", -1))
              .skip(1)
              .limit(COLUMNS)
              .mapToLong(Long::parseLong)
              .toArray();
      return new Ticks(columns[IDLE] + columns[WAITS_FOR_DISK], Arrays.stream(columns).sum());
    }
  }
}
