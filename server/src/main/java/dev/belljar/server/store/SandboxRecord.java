package dev.belljar.server.store;

import java.time.Instant;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A sandbox, running or not. Times have microseconds; what is finer is cut off.
 *
 * @param id 1 to 64 of {@code A-Z}, {@code a-z}, {@code 0-9}, {@code _} and {@code -}
 * @param organization the only one that may see it
 * @param createdAt when it was made
 * @param stopAt when it is to end by itself, if that is decided
 * @param stoppedAt when it ended
 * @param stopReason why it ended; present when {@code stoppedAt} is
 * @param labels at most 5, sorted by key; keys of 1 to 64 bytes, values of at most 128
 * @param memoryMib its memory, MiB
 * @param tokenId the token it was made with
 */
public record SandboxRecord(
    String id,
    String organization,
    Instant createdAt,
    Optional<Instant> stopAt,
    Optional<Instant> stoppedAt,
    Optional<String> stopReason,
    Map<String, String> labels,
    int memoryMib,
    String tokenId) {

  /** Whether it runs. */
  public enum Status {
    /** It has not ended. */
    RUNNING,
    /** It has ended and will not run again. */
    STOPPED
  }

  /**
   * Checks the bounds.
   *
   * @throws dev.belljar.InvalidOptionException if a value is out of them
   * @throws IllegalArgumentException if it stopped for no reason, or has a reason and did not stop
   */
  public SandboxRecord {
    Bounds.id(id);
    Bounds.organization(organization);
    Bounds.id(tokenId);
    createdAt = Bounds.time(createdAt);
    stopAt = stopAt.map(Bounds::time);
    stoppedAt = stoppedAt.map(Bounds::time);
    stopReason = stopReason.map(Bounds::reason);
    labels = Collections.unmodifiableMap(new TreeMap<>(labels));
    Bounds.labels(labels);
    if (stoppedAt.isPresent() != stopReason.isPresent()) {
      throw new IllegalArgumentException("Sandbox " + id + ": a time of stopping needs a reason.");
    }
    if (memoryMib <= 0) {
      throw new IllegalArgumentException("Sandbox " + id + ": " + memoryMib + " MiB of memory.");
    }
  }

  /** A sandbox that was just made. */
  public static SandboxRecord running(
      String id,
      String organization,
      Instant createdAt,
      Optional<Instant> stopAt,
      Map<String, String> labels,
      int memoryMib,
      String tokenId) {
    return new SandboxRecord(
        id,
        organization,
        createdAt,
        stopAt,
        Optional.empty(),
        Optional.empty(),
        labels,
        memoryMib,
        tokenId);
  }

  /** Whether it runs; it does until it has a time of stopping. */
  public Status status() {
    return stoppedAt.isPresent() ? Status.STOPPED : Status.RUNNING;
  }
}
