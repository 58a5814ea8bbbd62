package dev.belljar.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import tools.jackson.databind.JsonNode;

/** Writes the one JSON object of a command. */
final class JsonOutput {
  private JsonOutput() {}

  /**
   * Writes it, indented, with a line end.
   *
   * @throws OutputClosedException where nobody reads it
   */
  static void print(JsonNode node, OutputStream out) {
    try {
      out.write((node.toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8));
      out.flush();
    } catch (IOException e) {
      throw new OutputClosedException(e);
    }
  }
}
