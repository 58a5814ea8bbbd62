package dev.belljar.engine.volumes;

import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.engine.volumes.Catalog.Layer;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;

/** The files that layers are, below one directory. */
final class LayerFiles {
  private static final String SUFFIX = ".qcow2";
  private static final int WRITABLE = 0600;
  private static final int FROZEN = 0444;

  /** docs/interop/qcow2.txt of QEMU: magic, version, and the bits of what a reader must know. */
  private static final int MAGIC = 0x514649fb;

  private static final int VERSION = 3;
  private static final int HEADER = 104;
  private static final int BACKING_FILE_AT = 8;
  private static final int SIZE_AT = 24;
  private static final int INCOMPATIBLE_AT = 72;

  /** Dirty; everything else is damage, or needs files that we do not give. */
  private static final long HARMLESS = 1;

  /**
   * The byte that QEMU locks of an image that it may write to (block/file-posix.c); of those that
   * it reads it locks others, and they stay open for as long as a machine stands on them.
   */
  private static final long LOCKED_TO_WRITE = 101;

  private static final long LONGEST_END_NANOS = 5_000_000_000L;

  /** Far below what a command line can hold. */
  private static final int ASKED_AT_ONCE = 500;

  private static final String MISSING = "it is missing";

  private final Path directory;
  private final Map<String, String> begun = new ConcurrentHashMap<>();

  LayerFiles(Path directory) {
    this.directory = directory;
  }

  /** Where they are. */
  Path directory() {
    return directory;
  }

  /**
   * The directories that files were to be made in, by layer, until whoever looks there takes them
   * out.
   */
  Map<String, String> begun() {
    return begun;
  }

  Path directoryOf(Layer layer) {
    return directory.resolve(layer.directory());
  }

  static String nameOf(Layer layer) {
    return nameOf(layer.id());
  }

  static String nameOf(String id) {
    return id + SUFFIX;
  }

  /** Of the layer that a file is. */
  static String idOf(Path file) {
    return String.valueOf(file.getFileName()).replace(SUFFIX, "");
  }

  Path fileOf(Layer layer) {
    return directoryOf(layer).resolve(nameOf(layer));
  }

  /** Where it may be by the time that somebody looks without the lock: heads move there. */
  Path settledFileOf(Layer layer) {
    return fileOf(layer.in(layer.id()));
  }

  /**
   * Makes the directory of a layer, which the machine may enter and not write to, if it is not
   * there. A lease of the layer keeps the directory and the file that is to be made in it.
   */
  void makeDirectory(Layer layer) throws IOException {
    begun.put(layer.id(), layer.directory());
    Path made = Files.createDirectories(directoryOf(layer));
    Files.setPosixFilePermissions(made, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  /** Has the disk hold a new layer, for the owner alone. */
  void force(Layer layer) throws IOException {
    Path file = fileOf(layer);
    Files.setAttribute(file, "unix:mode", WRITABLE);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
    CatalogFile.force(directoryOf(layer));
    CatalogFile.force(directory);
  }

  /** Nobody writes to it any more, and every machine may read it. */
  void freeze(Layer layer) throws IOException {
    freeze(fileOf(layer));
  }

  /** As above, of a file elsewhere. */
  static void freeze(Path file) throws IOException {
    takeBack(file);
    Files.setAttribute(file, "unix:mode", FROZEN);
  }

  /** Whether everybody may read it and nobody write to it. */
  boolean isFrozen(Layer layer) throws IOException {
    return ((Integer) Files.getAttribute(fileOf(layer), "unix:mode") & 0777) == FROZEN;
  }

  /** Takes it back from the user that a machine ran as. */
  void takeBack(Layer layer) throws IOException {
    takeBack(fileOf(layer));
  }

  /** As above, of a file elsewhere. */
  static void takeBack(Path file) throws IOException {
    Object own = Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    if (own.equals(0)) {
      Files.setAttribute(file, "unix:uid", 0, LinkOption.NOFOLLOW_LINKS);
      Files.setAttribute(file, "unix:gid", 0, LinkOption.NOFOLLOW_LINKS);
    }
  }

  /**
   * Bytes that files take on the host, holes left out; by name, without those that are missing. The
   * JDK does not tell, so stat(1) is asked.
   */
  static Map<String, Long> allocated(Collection<Path> files) throws IOException {
    Map<String, Long> found = new HashMap<>();
    List<Path> there = files.stream().filter(Files::exists).toList();
    for (int from = 0; from < there.size(); from += ASKED_AT_ONCE) {
      List<String> command = new ArrayList<>(List.of("stat", "-c", "%b %B %n"));
      there
          .subList(from, Math.min(from + ASKED_AT_ONCE, there.size()))
          .forEach(file -> command.add(file.toString()));
      Process process =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
      process.getOutputStream().close();
      try (BufferedReader lines = process.inputReader()) {
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
          String[] parts = line.split(" ", 3);
          String name = String.valueOf(Path.of(parts[2]).getFileName());
          found.put(name, Long.parseLong(parts[0]) * Long.parseLong(parts[1]));
        }
      }
    }
    return found;
  }

  /**
   * Checks what can be seen without QEMU, of a file that a machine may have written to.
   *
   * @param exact whether it must be of that size; a snapshot may be smaller than what is above it
   * @throws StorageException where it is not what it should be
   */
  void check(Layer layer, long bytes, boolean exact) throws IOException {
    check(fileOf(layer), bytes, exact);
  }

  /** As above, of a file elsewhere. */
  static void check(Path file, long bytes, boolean exact) throws IOException {
    ByteBuffer header = header(file);
    if ((header.getLong(INCOMPATIBLE_AT) & ~HARMLESS) != 0) {
      throw damaged(file, "QEMU has marked it as damaged, or it needs what is not there");
    }
    if (header.getLong(SIZE_AT) > bytes || (exact && header.getLong(SIZE_AT) != bytes)) {
      throw damaged(file, "it is of another size");
    }
  }

  /**
   * Checks what can be seen without QEMU, of a head that nobody has open: we never give one the
   * name of another file, and all that its tables tell of is in it. Takes milliseconds for each
   * GiB.
   *
   * @throws StorageException where it is not what it should be
   */
  void checkHead(Layer layer, long bytes) throws IOException {
    Path file = fileOf(layer);
    check(file, bytes, true);
    if (header(file).getLong(BACKING_FILE_AT) != 0) {
      throw damaged(file, "it names another file that it is to lie above");
    }
    Optional<ClusterTable> clusters = ClusterTable.read(file, bytes);
    if (clusters.isEmpty()) {
      throw damaged(file, "it is not laid out as volumes are");
    }
    if (clusters.get().cutOff()) {
      throw damaged(file, "it is cut off: it is shorter than what it is to hold");
    }
  }

  private static ByteBuffer header(Path file) throws IOException {
    ByteBuffer header = ByteBuffer.allocate(HEADER);
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      throw damaged(file, MISSING);
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      while (header.hasRemaining() && channel.read(header) >= 0) {
        // On.
      }
    }
    if (header.hasRemaining() || header.getInt(0) != MAGIC || header.getInt(4) != VERSION) {
      throw damaged(file, "it is no qcow2 of version 3");
    }
    return header;
  }

  /** Bytes, as the guest sees it; of a layer that was checked. */
  long size(Layer layer) throws IOException {
    return header(fileOf(layer)).getLong(SIZE_AT);
  }

  /** Whether there is no file where it should be. */
  boolean isMissing(Layer layer) {
    return !Files.isRegularFile(fileOf(layer), LinkOption.NOFOLLOW_LINKS);
  }

  private static StorageException damaged(Path file, String how) {
    return new StorageException(
        Reason.DAMAGED, "Layer " + file.getFileName() + " cannot be used: " + how + ".");
  }

  /**
   * Waits until no QEMU has it open: one whose process was killed goes on for an instant.
   *
   * @throws StorageException where that takes longer than 5 s, or it is missing
   */
  void awaitFree(Layer layer) throws IOException {
    if (isMissing(layer)) {
      throw damaged(fileOf(layer), MISSING);
    }
    long deadline = System.nanoTime() + LONGEST_END_NANOS;
    while (!isFree(fileOf(layer))) {
      if (System.nanoTime() > deadline) {
        throw new StorageException(
            Reason.BUSY, "A machine that is not known still has layer " + layer.id() + " open.");
      }
      LockSupport.parkNanos(5_000_000);
    }
  }

  /** Whether a QEMU has it open to write to it. */
  boolean isOpen(Layer layer) throws IOException {
    return isWritable(layer) && !isFree(fileOf(layer));
  }

  /** Whether it is there, and not frozen or this process may write to it all the same. */
  boolean isWritable(Layer layer) {
    return !isMissing(layer) && Files.isWritable(fileOf(layer));
  }

  private static boolean isFree(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
        FileLock lock = channel.tryLock(LOCKED_TO_WRITE, 1, false)) {
      return lock != null;
    }
  }

  /** Gives a layer a second name, in a directory of its own. */
  void link(Layer layer, Layer moved) throws IOException {
    makeDirectory(moved);
    Files.deleteIfExists(fileOf(moved));
    Files.createLink(fileOf(moved), fileOf(layer));
    CatalogFile.force(directoryOf(moved));
    CatalogFile.force(directory);
  }
}
