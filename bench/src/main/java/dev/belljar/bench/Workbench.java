package dev.belljar.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the subjects work with.
 *
 * @param runs how often each thing is measured
 * @param root Belljar's directory
 * @param scratch for files that go when the program ends
 * @param enclosures what encloses commands on this host
 * @param notes what the reader of the report should know; may be added to
 */
record Workbench(
    int runs, Path root, Scratch scratch, List<Enclosure> enclosures, List<String> notes) {
  private static final int WARM_UPS = 2;
  private static final String NATIVE = "native";

  /** As many rounds as were asked for. */
  Rounds rounds() {
    return new Rounds(WARM_UPS, runs);
  }

  /** At most so many rounds, for what takes seconds each. */
  Rounds rounds(int most) {
    return new Rounds(1, Math.min(runs, most));
  }

  /**
   * A command natively and in every enclosure in which it works, by their names in the report; what
   * does not work is noted.
   */
  Map<String, HostCommand> alternatives(HostCommand command, Path... writable)
      throws IOException, InterruptedException {
    Map<String, HostCommand> alternatives = new LinkedHashMap<>();
    alternatives.put(NATIVE, command);
    for (Enclosure enclosure : enclosures) {
      HostCommand enclosed = enclosure.around(command, writable);
      Optional<String> complaint = enclosed.complaint();
      if (complaint.isEmpty()) {
        alternatives.put(enclosure.name(), enclosed);
      } else {
        notes.add(
            "`%s` is not measured in %s: %s."
                .formatted(command.shortly(), enclosure.name(), complaint.get()));
      }
    }
    return alternatives;
  }

  /** What is built here and may stay. */
  Path target() {
    return root.resolve("bench/target");
  }
}
