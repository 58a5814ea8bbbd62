package dev.belljar.cli;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Runs commands in this process and keeps what they print. */
final class CommandLineUnderTest {
  private CommandLineUnderTest() {}

  /** What a command printed and ended with. */
  record Result(int exitStatus, String out, String err) {}

  static Result belljar(String... args) {
    return belljarReading("", args);
  }

  static Result belljarReading(String input, String... args) {
    return belljarReading(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)), args);
  }

  static Result belljarReading(InputStream input, String... args) {
    var out = new ByteArrayOutputStream();
    var err = new ByteArrayOutputStream();
    var streams =
        new StandardStreams(input, out, new PrintStream(err, true, StandardCharsets.UTF_8), false);
    int exitStatus = Main.execute(streams, args);
    return new Result(
        exitStatus, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }
}
