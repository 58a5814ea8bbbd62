package dev.belljar.cli;

import dev.belljar.BelljarException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/** Copies what this process reads to a program, as it comes. */
final class InputPump {
  private static final int BUFFER_BYTES = 64 * 1024;

  private InputPump() {}

  /**
   * Starts copying. The thread is a daemon: one that waits for a key or an open pipe keeps nobody
   * from ending.
   */
  static void start(InputStream from, OutputStream to) {
    Thread.ofPlatform().daemon().name("stdin").start(() -> pump(from, to));
  }

  private static void pump(InputStream from, OutputStream to) {
    try (to) {
      byte[] buffer = new byte[BUFFER_BYTES];
      int count;
      while ((count = from.read(buffer)) >= 0) {
        to.write(buffer, 0, count);
        to.flush();
      }
    } catch (IOException | BelljarException e) {
      // The program ended or closed its input; its own exit status tells whether that was right.
    }
  }
}
