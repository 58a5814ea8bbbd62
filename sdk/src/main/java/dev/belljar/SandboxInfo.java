package dev.belljar;

import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/**
 * What a server says of one of its sandboxes; see {@link Sandbox#list}.
 *
 * @param id for {@link Sandbox#connect(String, Endpoint)}
 * @param createdAt when it was made
 * @param stoppedAt when it ended; empty where it has not
 * @param region where it runs
 * @param status the server's word, for example {@code running}
 * @param labels what it was labelled with
 */
public record SandboxInfo(
    String id,
    Instant createdAt,
    Optional<Instant> stoppedAt,
    String region,
    String status,
    Map<String, String> labels) {

  /** Copies the labels. */
  public SandboxInfo {
    labels = Map.copyOf(labels);
  }
}
