package dev.belljar;

import java.nio.charset.StandardCharsets;

/**
 * All that a process wrote, and how it ended. A stream that was not piped is empty.
 *
 * @param status how it ended
 * @param stdout what it wrote, not to be modified
 * @param stderr what it wrote to standard error, not to be modified
 */
@SuppressWarnings("ArrayRecordComponent") // bytes of up to gigabytes: handed over, not copied
public record ChildProcessOutput(ChildProcessStatus status, byte[] stdout, byte[] stderr) {

  /** Standard output as UTF-8; malformed bytes become U+FFFD. */
  public String stdoutText() {
    return new String(stdout, StandardCharsets.UTF_8);
  }

  /** Standard error as UTF-8; malformed bytes become U+FFFD. */
  public String stderrText() {
    return new String(stderr, StandardCharsets.UTF_8);
  }
}
