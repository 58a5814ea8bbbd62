package dev.belljar.bench;

import java.util.List;

/**
 * What this host takes for the smallest program. What has no alternative to stand beside stands
 * beside it, when one run is compared with another.
 */
final class Yardstick implements Subject {
  static final String NAME = "yardstick";

  private static final HostCommand TRUE = HostCommand.of("/bin/true");
  private static final Rounds ROUNDS = new Rounds(2, 20);

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    Recording recording = ROUNDS.play(List.of(into -> TRUE.time(NAME, into)));
    return List.of(
        new Measurement(
            NAME,
            "`/bin/true` on this host: the yardstick of rows without an alternative, for `--against`",
            recording.samples(NAME, Unit.MILLISECONDS)));
  }
}
