package dev.belljar.bench;

import dev.belljar.engine.storage.FileTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A directory for this run's files, removed when closed. */
final class Scratch implements AutoCloseable {
  private final Path directory;

  private Scratch(Path directory) {
    this.directory = directory;
  }

  static Scratch create() throws IOException {
    return new Scratch(Files.createTempDirectory("belljar-bench-"));
  }

  Path directory() {
    return directory;
  }

  @Override
  public void close() throws IOException {
    FileTree.delete(directory);
  }
}
