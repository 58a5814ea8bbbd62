package dev.belljar.engine.volumes;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.Optional;

/**
 * How long the data of deleted volumes is kept. The directory knows it: a process that was not told
 * removes nothing earlier than the one that was.
 */
final class GracePeriod {
  private static final Duration UNLESS_SAID = Duration.ofHours(24);

  private final Path file;

  GracePeriod(Path directory) {
    file = directory.resolve("grace");
  }

  /** Under the lock. */
  Duration get() throws IOException {
    if (!Files.exists(file)) {
      return UNLESS_SAID;
    }
    try {
      Duration said = Duration.parse(Files.readString(file).strip());
      return said.isNegative() ? UNLESS_SAID : said;
    } catch (DateTimeParseException e) {
      throw new IOException(file + " is no time like PT24H. Remove it for the usual 24 hours.", e);
    }
  }

  /** Under the lock; as it was where nothing is said. */
  void set(Optional<Duration> said) throws IOException {
    if (said.isPresent() && !said.get().equals(get())) {
      Path next = file.resolveSibling(file.getFileName() + ".new");
      Files.writeString(next, said.get() + "\n");
      Files.move(next, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
  }
}
