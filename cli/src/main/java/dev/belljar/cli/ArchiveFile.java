package dev.belljar.cli;

import dev.belljar.InvalidOptionException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.Set;

/** The file that {@code data export} writes and {@code data import} reads, as the user named it. */
final class ArchiveFile {
  private static final Set<StandardOpenOption> NEW =
      Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
  private static final FileAttribute<?> OWNER_ONLY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  private final String name;
  private final Path path;

  private ArchiveFile(String name) {
    this.name = name;
    path = LocalPath.of(name);
  }

  /**
   * One to be written.
   *
   * @param force whether a file that is there may be replaced
   * @throws InvalidOptionException where it cannot be written
   */
  static ArchiveFile toWrite(String name, boolean force) {
    ArchiveFile file = new ArchiveFile(name);
    file.checkWritable(force);
    return file;
  }

  /**
   * One to be read; it may be a pipe.
   *
   * @throws InvalidOptionException where it cannot be read
   */
  static ArchiveFile toRead(String name) {
    ArchiveFile file = new ArchiveFile(name);
    if (!Files.exists(file.path)) {
      throw new InvalidOptionException(
          "There is no file %s. Name one that 'belljar data export' wrote, or - for standard input."
              .formatted(name));
    }
    if (Files.isDirectory(file.path)) {
      throw file.isDirectory();
    }
    if (!Files.isReadable(file.path)) {
      throw new InvalidOptionException(
          "This user may not read %s. Name a file that it may read, or change the mode of this one."
              .formatted(name));
    }
    return file;
  }

  private void checkWritable(boolean force) {
    if (Files.isDirectory(path)) {
      throw isDirectory();
    }
    boolean there = Files.exists(path, LinkOption.NOFOLLOW_LINKS);
    if (there && !Files.isRegularFile(path)) {
      throw new InvalidOptionException(
          "%s is there and is no ordinary file. Name another, or - for standard output."
              .formatted(name));
    }
    if (there && !force) {
      throw new InvalidOptionException(
          name + " is there already. Name another file, or replace it with --force.");
    }
    Path directory = directory();
    if (!Files.exists(directory)) {
      throw new InvalidOptionException(
          "There is no directory %s to write %s in. Make it, or name a file elsewhere."
              .formatted(directory, path.getFileName()));
    }
    if (!Files.isDirectory(directory)) {
      throw new InvalidOptionException(
          "%s is no directory, so %s cannot be written in it. Name a file elsewhere."
              .formatted(directory, path.getFileName()));
    }
    if (!Files.isWritable(directory)) {
      throw new InvalidOptionException(
          "This user may not write in %s. Name a file elsewhere.".formatted(directory));
    }
  }

  private InvalidOptionException isDirectory() {
    return new InvalidOptionException(name + " is a directory. Name a file in it.");
  }

  /** Of the file; a root, which has none, is a directory. */
  private Path directory() {
    return Optional.ofNullable(path.toAbsolutePath().getParent()).orElse(path);
  }

  /** Opens it to be read. */
  InputStream open() throws IOException {
    return Files.newInputStream(path);
  }

  /** What is written. */
  interface Content {
    void writeTo(FileChannel channel) throws IOException;
  }

  /**
   * Writes it: what has its name is whole. A file that was begun and not finished is removed.
   *
   * @param force whether a file that is there is replaced
   * @throws InvalidOptionException where there can be no such file
   * @throws IOException where it cannot be written to its end
   */
  void write(boolean force, Content content) throws IOException {
    Path making = path.resolveSibling(path.getFileName() + ".partial");
    FileChannel begun = begin(making);
    try (FileChannel channel = begun) {
      content.writeTo(channel);
      channel.force(true);
      if (force) {
        Files.move(making, path, StandardCopyOption.REPLACE_EXISTING);
      } else {
        Files.move(making, path);
      }
    } catch (FileAlreadyExistsException e) {
      Files.deleteIfExists(making);
      throw new InvalidOptionException(
          name + " was made by somebody else meanwhile. Name another file.", e);
    } catch (IOException e) {
      Files.deleteIfExists(making);
      throw new IOException(
          "%s could not be written (%s). Nothing is left of it; make room there, or name a file elsewhere."
              .formatted(name, said(e)),
          e);
    } catch (RuntimeException e) {
      Files.deleteIfExists(making);
      throw e;
    }
  }

  private FileChannel begin(Path making) {
    try {
      FileChannel channel = FileChannel.open(making, NEW, OWNER_ONLY);
      making.toFile().deleteOnExit();
      return channel;
    } catch (FileAlreadyExistsException e) {
      throw new InvalidOptionException(
          "%s is there already: another export to %s is under way, or was killed. Wait for it, or remove that file."
              .formatted(making, name),
          e);
    } catch (IOException e) {
      throw new InvalidOptionException(
          "%s cannot be written (%s). Name a file elsewhere.".formatted(name, said(e)), e);
    }
  }

  /** Without the path, which the message has. */
  private static String said(IOException e) {
    if (e instanceof NoSuchFileException) {
      return "there can be no file of that name";
    }
    if (e instanceof AccessDeniedException) {
      return "this user may not";
    }
    return e instanceof FileSystemException of
        ? String.valueOf(of.getReason())
        : String.valueOf(e.getMessage());
  }
}
