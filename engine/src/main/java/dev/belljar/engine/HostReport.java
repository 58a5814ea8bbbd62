package dev.belljar.engine;

import java.util.List;

/**
 * What a host offers to sandboxes.
 *
 * @param findings one for each thing looked at, in the order to show them
 */
public record HostReport(List<Finding> findings) {

  /** Keeps the list as it is. */
  public HostReport {
    findings = List.copyOf(findings);
  }

  /** How good a finding is. */
  public enum State {
    /** As it should be. */
    OK,
    /** Sandboxes work, but not as well as they could. */
    WARNING,
    /** Sandboxes do not work until this is mended. */
    MISSING
  }

  /**
   * One thing that was looked at.
   *
   * @param name what, for example {@code accelerator}
   * @param state how good it is
   * @param value what was found, for example {@code tcg (software emulation)}
   * @param reason why, or what follows; may be empty
   * @param fix the exact command that mends it; empty where there is none or nothing to mend
   */
  public record Finding(String name, State state, String value, String reason, String fix) {}

  /** Whether sandboxes work. */
  public boolean ready() {
    return findings.stream().noneMatch(finding -> finding.state() == State.MISSING);
  }
}
