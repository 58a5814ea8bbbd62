package dev.belljar.cli;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * What a command reads and writes.
 *
 * @param in standard input
 * @param out standard output; unbuffered, and unlike {@link System#out} it tells when nobody reads
 *     it any more
 * @param err standard error, for messages as well as for what programs write there
 * @param terminal whether standard error is a terminal
 */
record StandardStreams(InputStream in, OutputStream out, PrintStream err, boolean terminal) {

  /** Set by the launcher: asking the JDK for it takes longer than all the rest of a start. */
  private static final String TERMINAL_PROPERTY = "belljar.terminal";

  static StandardStreams ofThisProcess() {
    return new StandardStreams(
        new FileInputStream(FileDescriptor.in),
        new FileOutputStream(FileDescriptor.out),
        new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8),
        Boolean.getBoolean(TERMINAL_PROPERTY));
  }

  /** Tells the user something, in one line on standard error. */
  void say(String message) {
    err.println("belljar: " + message);
  }

  /**
   * Writes a result on standard output.
   *
   * @throws OutputClosedException where nobody reads it
   */
  void print(String text) {
    try {
      out.write(text.getBytes(StandardCharsets.UTF_8));
      out.flush();
    } catch (IOException e) {
      throw new OutputClosedException(e);
    }
  }
}
