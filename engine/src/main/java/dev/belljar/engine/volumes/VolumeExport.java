package dev.belljar.engine.volumes;

import dev.belljar.ByteSize;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.engine.storage.FileTree;
import dev.belljar.engine.volumes.ArchiveManifest.DiskPart;
import dev.belljar.engine.volumes.ArchiveManifest.ImagePart;
import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Writes a volume or snapshot as one file: a tar of a manifest, the image where there is one, and
 * the disk in chunks. The layers are put together by a confined tool, in a file of ours that was
 * made and opened before: whatever the tool does, what is read is that file.
 */
final class VolumeExport {
  private static final String HOLDER = "an export";

  private final StoreDirectory store;
  private final Opening opening;

  VolumeExport(StoreDirectory store, Opening opening) {
    this.store = store;
    this.opening = opening;
  }

  /**
   * A disk that does not change while it is exported.
   *
   * @param files its layers, the uppermost first
   * @param raw the file that is to hold what they hold
   * @param content of that file
   */
  private record Held(Disk disk, List<Path> files, Path raw, FileChannel content) {}

  /**
   * Exports a disk.
   *
   * @param withImage whether the image goes along where it is bootable
   * @throws IOException where the stream takes nothing more
   */
  void export(String owner, String idOrSlug, boolean withImage, OutputStream out)
      throws IOException {
    Layer scratch = store.newLayer(Optional.empty());
    Path raw = store.layers.directoryOf(scratch).resolve(scratch.id() + ".raw");
    Opening.Open open =
        opening.open(
            catalog -> wanted(catalog, owner, idOrSlug),
            HOLDER,
            List.of(scratch.id(), String.valueOf(raw.getFileName())));
    try {
      Held held = store.withoutLock(() -> hold(open, scratch, raw));
      try (FileChannel content = held.content) {
        write(held, content, withImage, out);
      }
    } finally {
      try {
        store.withoutLock(
            () -> {
              FileTree.delete(directoryOf(raw));
              return raw;
            });
      } finally {
        store.giveUp(open.lease());
      }
    }
  }

  private Opening.Wanted wanted(Catalog catalog, String owner, String idOrSlug) throws IOException {
    Optional<Disk> snapshot = catalog.snapshot(owner, idOrSlug);
    Disk disk = snapshot.orElseGet(() -> Checks.existing(catalog, owner, idOrSlug));
    if (snapshot.isEmpty()) {
      checkUnused(disk);
    }
    return new Opening.Wanted(disk, snapshot.isEmpty());
  }

  private Held hold(Opening.Open open, Layer scratch, Path raw) throws IOException {
    List<Path> files = open.files(store.layers);
    checkRoom(files, open.disk().bytes());
    store.layers.makeDirectory(scratch);
    return new Held(open.disk(), files, raw, made(raw, open.disk().bytes()));
  }

  private void checkUnused(Disk volume) throws IOException {
    try {
      Checks.checkUnused(store, volume);
    } catch (StorageException e) {
      throw new StorageException(
          e.reason(),
          e.getMessage()
              + (" Export it then. As it is now it can be exported where a server runs the sandbox:"
                      + " only who runs one can make a snapshot of what it has. 'belljar snapshots"
                      + " create %s NAME --endpoint URL', then export NAME.")
                  .formatted(volume.slug()),
          e);
    }
  }

  private void checkRoom(List<Path> layers, long bytes) throws IOException {
    Map<String, Long> allocated = LayerFiles.allocated(layers);
    long needed = Math.min(bytes, allocated.values().stream().mapToLong(Long::longValue).sum());
    Checks.checkRoom(store);
    long usable = Files.getFileStore(store.directory).getUsableSpace();
    if (usable < needed) {
      throw new StorageException(
          Reason.FULL,
          "The host's disk is too full to put the layers together: that takes %s, and %s are left."
              .formatted(new ByteSize(needed), new ByteSize(usable)));
    }
  }

  private void write(Held held, FileChannel raw, boolean withImage, OutputStream out)
      throws IOException {
    long bytes = held.disk.bytes();
    store.onDisk(
        () -> {
          LayerCheck.flatten(store.tools.confined(), held.files, held.raw, bytes);
          return held;
        });
    BitSet chunks = new BitSet();
    DiskPart disk = store.onDisk(() -> look(raw, (int) (bytes / ArchiveManifest.CHUNK), chunks));
    Optional<Path> image =
        held.disk.image().map(hash -> store.images.directoryOf(hash).resolve(BootImage.NAME));
    Optional<ImagePart> part =
        image.map(
            file -> store.onDisk(() -> look(held.disk.image().orElseThrow(), file, withImage)));
    ArchiveManifest manifest =
        new ArchiveManifest(
            ArchiveManifest.FORMAT,
            ArchiveManifest.VERSION,
            held.disk.slug(),
            held.disk.capacity(),
            disk,
            part);
    Ustar.Writer tar = new Ustar.Writer(out);
    byte[] json = manifest.toJson();
    tar.write(ArchiveManifest.NAME, json, json.length);
    if (part.isPresent() && withImage) {
      writeImage(tar, image.orElseThrow(), part.get(), out);
    }
    byte[] chunk = new byte[ArchiveManifest.CHUNK];
    for (int i = chunks.nextSetBit(0); i >= 0; i = chunks.nextSetBit(i + 1)) {
      int number = i;
      store.onDisk(() -> read(raw, number, chunk));
      tar.write(ArchiveManifest.chunkName(number), chunk, chunk.length);
    }
    tar.end();
  }

  private static FileChannel made(Path raw, long bytes) throws IOException {
    FileChannel channel =
        FileChannel.open(
            raw,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.SPARSE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE);
    try {
      Files.setAttribute(raw, "unix:mode", 0600);
      channel.write(ByteBuffer.allocate(1), bytes - 1);
      return channel;
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static DiskPart look(FileChannel raw, int count, BitSet chunks) throws IOException {
    MessageDigest digest = Sums.sha256();
    byte[] nothing = new byte[ArchiveManifest.CHUNK];
    byte[] chunk = new byte[ArchiveManifest.CHUNK];
    for (int i = 0; i < count; i++) {
      read(raw, i, chunk);
      if (!Arrays.equals(chunk, nothing)) {
        chunks.set(i);
        Sums.update(digest, i, chunk);
      }
    }
    return new DiskPart(chunks.cardinality(), HexFormat.of().formatHex(digest.digest()));
  }

  private static byte[] read(FileChannel raw, int number, byte[] chunk) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(chunk);
    long at = (long) number * ArchiveManifest.CHUNK;
    while (buffer.hasRemaining()) {
      if (raw.read(buffer, at + buffer.position()) < 0) {
        throw new IOException("The disk's content became shorter while it was read.");
      }
    }
    return chunk;
  }

  private static ImagePart look(String hash, Path file, boolean included) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new StorageException(
          Reason.DAMAGED,
          "The image %s, which it lies above, is missing. 'belljar data check' tells more."
              .formatted(hash));
    }
    return new ImagePart(hash, Files.size(file), Sums.of(file), included);
  }

  /** Reading fails as the host's disk does, writing as the stream does. */
  private void writeImage(Ustar.Writer tar, Path file, ImagePart part, OutputStream out)
      throws IOException {
    tar.begin(new Ustar.Entry(BootImage.NAME, part.bytes()));
    byte[] buffer = new byte[ArchiveManifest.CHUNK];
    try (InputStream in = store.onDisk(() -> Files.newInputStream(file))) {
      long left = part.bytes();
      while (left > 0) {
        int wanted = (int) Math.min(left, buffer.length);
        int length = store.onDisk(() -> in.readNBytes(buffer, 0, wanted));
        if (length < wanted) {
          throw new StorageException(
              Reason.DAMAGED, "The image " + part.hash() + " became shorter while it was read.");
        }
        out.write(buffer, 0, length);
        left -= length;
      }
    }
    tar.pad(part.bytes());
  }

  private static Path directoryOf(Path file) {
    return Optional.ofNullable(file.getParent()).orElseThrow();
  }
}
