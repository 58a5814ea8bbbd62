package dev.belljar.server.rpc;

import java.util.List;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Parameters that a method does not take; what is wrong with each, as the official client's own
 * checks say it.
 */
final class InvalidParamsException extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient List<Issue> issues;

  InvalidParamsException(List<Issue> issues) {
    super(issues.toString());
    this.issues = List.copyOf(issues);
  }

  /**
   * One thing that is wrong.
   *
   * @param code Zod's code, for example {@code invalid_type}
   * @param expected what should be there
   * @param path where, from the parameters' root
   * @param message in words
   */
  record Issue(String code, String expected, List<Object> path, String message) {}

  /** The {@code data} of the JSON-RPC error. */
  ObjectNode data() {
    ArrayNode list = Json.NODES.arrayNode();
    for (Issue issue : issues) {
      ObjectNode node = list.addObject();
      if (!issue.expected.isEmpty()) {
        node.put("expected", issue.expected);
      }
      node.put("code", issue.code);
      ArrayNode path = node.putArray("path");
      for (Object step : issue.path) {
        if (step instanceof Integer index) {
          path.add(index);
        } else {
          path.add(step.toString());
        }
      }
      node.put("message", issue.message);
    }
    ObjectNode data = Json.NODES.objectNode();
    data.put("constructorName", "ZodError");
    data.put("message", list.toPrettyString());
    return data;
  }
}
