package dev.belljar.engine.volumes;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * The catalog on disk. It is replaced as a whole, so that a crash at any instant leaves it as it
 * was before or as it is after. Whoever changes it holds the store's lock.
 */
final class CatalogFile {
  private static final int VERSION = 1;
  private static final JsonMapper JSON =
      JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES).build();

  private final Path directory;
  private final Path file;

  CatalogFile(Path directory) {
    this.directory = directory;
    file = directory.resolve("catalog.json");
  }

  private record Content(int version, Catalog catalog) {}

  /** Writes an empty one into a new directory, before there is anything that it could lack. */
  void makeIfNew() throws IOException {
    if (!Files.exists(file)) {
      replace(written(read()));
    }
  }

  Catalog read() throws IOException {
    if (!Files.exists(file)) {
      if (hasEntries("layers") || hasEntries("checkpoints")) {
        throw new IOException(
            file
                + " is missing, and what is beside it cannot be used without. Put it back from a backup; if no volume was ever made here, remove 'layers' and 'checkpoints'.");
      }
      return Catalog.EMPTY;
    }
    try {
      Content content = JSON.readValue(Files.readAllBytes(file), Content.class);
      if (content.version != VERSION) {
        throw new IOException(
            file + " is of version " + content.version + "; this Belljar knows " + VERSION + ".");
      }
      return content.catalog;
    } catch (JacksonException e) {
      throw new IOException(file + " is damaged: " + e.getOriginalMessage(), e);
    }
  }

  private boolean hasEntries(String name) throws IOException {
    Path inside = directory.resolve(name);
    if (!Files.isDirectory(inside)) {
      return false;
    }
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(inside)) {
      return entries.iterator().hasNext();
    }
  }

  /** Returns when the disk has it. */
  void write(Catalog catalog) throws IOException {
    Path next = written(catalog);
    FaultPoint.CATALOG_WRITTEN.reached();
    replace(next);
  }

  private Path written(Catalog catalog) throws IOException {
    byte[] bytes =
        JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(new Content(VERSION, catalog));
    Path next = file.resolveSibling(file.getFileName() + ".new");
    try (FileChannel channel =
        FileChannel.open(
            next,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      while (buffer.hasRemaining()) {
        channel.write(buffer);
      }
      channel.force(true);
    }
    return next;
  }

  private void replace(Path next) throws IOException {
    Files.move(next, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    force(directory);
  }

  /** Has the disk hold what a directory lists. */
  static void force(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }
}
