package dev.belljar.bench;

import java.util.List;
import java.util.Map;

/**
 * All that came out.
 *
 * @param command what to type to measure it again
 * @param facts of the machine
 * @param measurements in the order in which they were made
 * @param notes what was left out or failed, and why
 */
record Report(
    String command, Map<String, String> facts, List<Measurement> measurements, List<String> notes) {

  Report {
    measurements = List.copyOf(measurements);
    notes = List.copyOf(notes);
  }
}
