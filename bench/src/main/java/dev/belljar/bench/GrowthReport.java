package dev.belljar.bench;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Growths for people and for machines. */
final class GrowthReport {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  private GrowthReport() {}

  static String markdown(
      String command, Map<String, String> facts, List<Growth> growths, List<String> notes) {
    StringBuilder text = new StringBuilder("# How Belljar's cost grows\n\n");
    facts.forEach(
        (name, value) -> text.append("* ").append(name).append(": ").append(value).append('\n'));
    text.append("* to repeat it: `").append(command).append("`\n");
    for (Growth growth : growths) {
      text.append("\n## ").append(growth.title()).append("\n\n").append(table(growth));
    }
    if (!notes.isEmpty()) {
      text.append('\n');
      notes.forEach(note -> text.append("* ").append(note).append('\n'));
    }
    return text.toString();
  }

  private static String table(Growth growth) {
    StringBuilder text = new StringBuilder();
    text.append(
        growth.curves().stream()
            .map(Curve::what)
            .collect(Collectors.joining(" | ", "| " + growth.of() + " | ", " |\n")));
    text.append("|---:".repeat(growth.curves().size() + 1)).append("|\n");
    for (int i = 0; i < growth.steps().size(); i++) {
      text.append("| ").append(growth.label(growth.steps().get(i)));
      for (Curve curve : growth.curves()) {
        text.append(" | ").append(MarkdownReport.figure(curve.values().get(i), curve.unit()));
      }
      text.append(" |\n");
    }
    return text.toString();
  }

  static String json(
      String command, Map<String, String> facts, List<Growth> growths, List<String> notes) {
    ObjectNode root = MAPPER.createObjectNode();
    root.put("command", command);
    facts.forEach(root.putObject("facts")::put);
    ArrayNode all = root.putArray("growths");
    for (Growth growth : growths) {
      ObjectNode node = all.addObject();
      node.put("name", growth.name()).put("title", growth.title()).put("of", growth.of());
      growth.steps().forEach(node.putArray("steps")::add);
      ArrayNode curves = node.putArray("curves");
      for (Curve curve : growth.curves()) {
        ObjectNode one = curves.addObject();
        one.put("name", curve.name()).put("what", curve.what()).put("unit", curve.unit().symbol);
        curve.values().forEach(one.putArray("values")::add);
      }
    }
    notes.forEach(root.putArray("notes")::add);
    return MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n";
  }
}
