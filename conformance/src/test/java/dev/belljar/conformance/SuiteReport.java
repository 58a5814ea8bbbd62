package dev.belljar.conformance;

import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicNode;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What came of the cases of {@code suite/}, by function of the client. */
record SuiteReport(Map<String, List<Case>> functions) {

  /**
   * One case.
   *
   * @param error how it failed
   */
  record Case(String kind, String name, Optional<String> error) {}

  /** Reads a line of JSON for each case. */
  static SuiteReport read(Path file) throws IOException {
    JsonMapper json = new JsonMapper();
    Map<String, List<Case>> functions = new LinkedHashMap<>();
    for (String line : Files.readAllLines(file)) {
      JsonNode node = json.readTree(line);
      JsonNode error = node.get("error");
      functions
          .computeIfAbsent(node.get("fn").stringValue(), name -> new ArrayList<>())
          .add(
              new Case(
                  node.get("kind").stringValue(),
                  node.get("name").stringValue(),
                  error.isNull() ? Optional.empty() : Optional.of(error.stringValue())));
    }
    return new SuiteReport(functions);
  }

  /** How many cases there are. */
  int size() {
    return functions.values().stream().mapToInt(List::size).sum();
  }

  /** A test for each case. */
  Stream<DynamicNode> tests() {
    return functions.entrySet().stream()
        .map(
            function ->
                dynamicContainer(
                    function.getKey(), function.getValue().stream().map(SuiteReport::test)));
  }

  private static DynamicNode test(Case each) {
    return dynamicTest(
        each.kind() + ": " + each.name(),
        () -> {
          if (each.error().isPresent()) {
            throw new AssertionError(each.error().get());
          }
        });
  }

  /** Function, cases, passed. */
  String table() {
    StringBuilder table =
        new StringBuilder(String.format("%-48s %6s %7s%n", "function", "cases", "passed"));
    long all = 0;
    for (Map.Entry<String, List<Case>> function : functions.entrySet()) {
      long passed = function.getValue().stream().filter(each -> each.error().isEmpty()).count();
      all += passed;
      table.append(
          String.format("%-48s %6d %7d%n", function.getKey(), function.getValue().size(), passed));
    }
    return table.append(String.format("%-48s %6d %7d%n", "all", size(), all)).toString();
  }
}
