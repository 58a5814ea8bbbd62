package dev.belljar.bench;

import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A report for machines: the same figures, unrounded, with every sample. */
final class JsonReport {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  private JsonReport() {}

  static String of(Report report) {
    ObjectNode root = MAPPER.createObjectNode();
    root.put("command", report.command());
    ObjectNode facts = root.putObject("facts");
    report.facts().forEach(facts::put);
    ArrayNode measurements = root.putArray("measurements");
    for (Measurement measurement : report.measurements()) {
      ObjectNode node = measurements.addObject();
      node.put("name", measurement.name());
      node.put("what", measurement.what());
      node.put("unit", measurement.ours().unit().symbol);
      put(node, measurement.ours());
      measurement.tail().ifPresent(tail -> node.put("tail", tail));
      measurement
          .target()
          .ifPresent(target -> node.put("target", target).put("kept", measurement.isMet()));
      ArrayNode alternatives = node.putArray("alternatives");
      for (Alternative alternative : measurement.alternatives()) {
        ObjectNode other = alternatives.addObject();
        other.put("name", alternative.name());
        put(other, alternative.samples());
        other.put("ratio", measurement.ratioTo(alternative));
      }
    }
    ArrayNode notes = root.putArray("notes");
    report.notes().forEach(notes::add);
    return MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n";
  }

  private static void put(ObjectNode node, Samples samples) {
    node.put("p50", samples.p50());
    node.put("p95", samples.p95());
    node.put("p99", samples.p99());
    node.put("best", samples.best());
    node.put("mean", samples.mean());
    ArrayNode values = node.putArray("samples");
    samples.values().forEach(values::add);
  }
}
