package dev.belljar.cli;

import dev.belljar.ByteSize;
import dev.belljar.ChildProcessStatus;
import dev.belljar.ChildProcessStatus.OutOfMemory;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.LongStream;

/**
 * How a program ended.
 *
 * @param status what the sandbox says
 * @param timedOut whether it was killed because its time was over
 */
record ProgramEnd(ChildProcessStatus status, boolean timedOut) {

  /** What the command ends with. */
  int exitStatus() {
    return timedOut ? ExitCode.TIMED_OUT : status.code();
  }

  /** What the user should know about it besides the exit status. */
  Optional<String> remark(RunRequest request) {
    if (timedOut) {
      return Optional.of(
          "the program was killed because its time was over (--timeout "
              + text(request.timeout().orElseThrow())
              + ").");
    }
    if (status.oom() == OutOfMemory.NO) {
      return Optional.empty();
    }
    ByteSize memory = request.options().memory();
    return Optional.of(
        "the program "
            + (status.oom() == OutOfMemory.CERTAIN ? "was" : "was probably")
            + " killed because the sandbox's memory ("
            + memory
            + ") was exhausted"
            + LongStream.of(2, 3, 4)
                .filter(gibibytes -> gibibytes << 30 > memory.bytes())
                .mapToObj(gibibytes -> "; try --memory " + gibibytes + "GiB.")
                .findFirst()
                .orElse(", and that is the most it can have."));
  }

  /** {@code PT1M30S} as {@code 1m30s}: how users write it. */
  private static String text(Duration duration) {
    return duration.toString().substring(2).toLowerCase(Locale.ROOT);
  }
}
