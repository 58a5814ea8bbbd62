package dev.belljar.examples.untrustedcode;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/** What Claude answered once to the question of {@link UntrustedCode#askForScript}. */
final class RecordedReply {
  private RecordedReply() {}

  static String text() {
    try (InputStream in = RecordedReply.class.getResourceAsStream("recorded-reply.md")) {
      return new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
