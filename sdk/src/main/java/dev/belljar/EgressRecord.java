package dev.belljar;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * One connection that a sandbox made or tried to make.
 *
 * @param time when it was asked for
 * @param host the name, or the address where it was asked for by address
 * @param port the TCP port; 0 where a name was only looked up
 * @param address the address that was dialled, where it came to that
 * @param verdict whether it was let out
 * @param reason why not, or why it failed; empty for a connection that was made
 * @param bytesOut bytes that left the sandbox
 * @param bytesIn bytes that came back
 * @param duration from the request to the end of the connection
 * @param secrets the names of the secrets that were put into requests
 */
public record EgressRecord(
    Instant time,
    String host,
    int port,
    Optional<String> address,
    Verdict verdict,
    String reason,
    long bytesOut,
    long bytesIn,
    Duration duration,
    List<String> secrets) {

  /** Copies the list. */
  public EgressRecord {
    secrets = List.copyOf(secrets);
  }

  /** How a connection was decided. */
  public enum Verdict {
    /** Policy let it out and it was connected. */
    ALLOWED,
    /** Policy refused it. */
    DENIED,
    /** The sandbox's {@link EgressLimits} refused or ended it. */
    LIMITED,
    /** Policy let it out, but it could not be resolved or connected. */
    FAILED
  }
}
