package dev.belljar;

import java.util.Optional;

/**
 * How a process ended.
 *
 * @param success whether the exit code was 0
 * @param code the exit code; 128 + the signal's number where a signal ended it
 * @param signal the signal that ended it
 * @param oom whether memory was the reason
 */
public record ChildProcessStatus(
    boolean success, int code, Optional<Signal> signal, OutOfMemory oom) {

  /** Whether a process ended because the sandbox's memory was exhausted. */
  public enum OutOfMemory {
    /** Memory was not the reason. */
    NO,
    /**
     * Something that it had started was killed for memory, and it ended unsuccessfully (Deno:
     * {@code low-confidence}).
     */
    LIKELY,
    /** The kernel killed this process for memory (Deno: {@code high-confidence}). */
    CERTAIN
  }
}
