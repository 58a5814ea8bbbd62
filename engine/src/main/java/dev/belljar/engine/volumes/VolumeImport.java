package dev.belljar.engine.volumes;

import dev.belljar.ByteSize;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.Volume;
import dev.belljar.engine.volumes.ArchiveManifest.ImagePart;
import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import dev.belljar.engine.volumes.Leases.Lease;
import dev.belljar.engine.volumes.Ustar.Entry;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * Makes a volume of a file that {@link VolumeExport} wrote, or anybody else: nothing in it is
 * believed. Its bytes become a raw disk in a file of ours, which no tool takes for anything else.
 * Until all sums are right the catalog knows nothing of it; what is there by then is removed with
 * the lease.
 */
final class VolumeImport {
  private static final String HOLDER = "an import";

  /** What an image is called that came with a volume: nobody else's is taken for it. */
  private static final String BY_CONTENT = "sha256-";

  private final StoreDirectory store;

  VolumeImport(StoreDirectory store) {
    this.store = store;
  }

  /**
   * What is being made.
   *
   * @param raw the disk, byte for byte
   * @param content of that file
   * @param image the file of the image that the archive has
   */
  private record Making(Layer layer, Path raw, FileChannel content, Path image, Path lease) {}

  /**
   * Where the image is that the volume is to lie above.
   *
   * @param hash its name on this host
   * @param file where it comes from, if it is not kept yet
   */
  private record Below(String hash, Optional<Path> file) {}

  /**
   * Imports a volume.
   *
   * @param name empty for the name that it had
   * @param current the image of this host
   * @throws IOException where the stream cannot be read
   */
  Volume importFrom(String owner, Optional<String> name, BootImage current, InputStream in)
      throws IOException {
    Ustar.Reader tar = new Ustar.Reader(in);
    ArchiveManifest manifest = manifest(tar);
    String slug = name.orElse(manifest.slug());
    Disk volume = disk(owner, slug, manifest);
    if (manifest.disk().chunks() > volume.bytes() / ArchiveManifest.CHUNK) {
      throw Ustar.refused("its disk holds more than its capacity");
    }
    Making making = store.locked(() -> begin(owner, volume));
    try (FileChannel raw = making.content) {
      Optional<Below> below = Optional.empty();
      if (manifest.image().isPresent()) {
        below = Optional.of(readImage(tar, manifest.image().get(), current, making));
      }
      readDisk(tar, manifest, volume.bytes(), raw);
      return finish(volume, below, making);
    } finally {
      store.giveUp(making.lease);
    }
  }

  private static ArchiveManifest manifest(Ustar.Reader tar) throws IOException {
    Entry entry = tar.next().orElseThrow(() -> Ustar.refused("it is empty"));
    if (!entry.name().equals(ArchiveManifest.NAME)
        || entry.bytes() < 1
        || entry.bytes() > ArchiveManifest.LARGEST) {
      throw Ustar.refused("it does not begin with a manifest");
    }
    byte[] json = new byte[(int) entry.bytes()];
    tar.read(json, json.length);
    tar.skipPadding(json.length);
    return ArchiveManifest.read(json);
  }

  private Disk disk(String owner, String slug, ArchiveManifest manifest) {
    Checks.checkCapacity(new ByteSize(Math.max(0, manifest.capacity())));
    return new Disk(
        store.newId("vol"),
        owner,
        slug,
        StoreDirectory.region(),
        manifest.capacity(),
        store.clock.instant(),
        "",
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        Optional.empty());
  }

  private Making begin(String owner, Disk volume) throws IOException {
    Catalog catalog = store.file.read();
    Checks.checkFree(catalog, owner, volume.slug());
    store.quotas.check(catalog, owner, volume.capacity());
    Checks.checkRoom(store);
    Layer layer = store.newLayer(Optional.empty());
    Path directory = store.layers.directoryOf(layer);
    Path raw = directory.resolve(layer.id() + ".raw");
    Path image = directory.resolve(layer.id() + ".erofs");
    store.layers.makeDirectory(layer);
    FileChannel content = made(raw);
    try {
      // Nobody removes files while this has the lock.
      List<String> used =
          List.of(
              layer.id(),
              String.valueOf(raw.getFileName()),
              String.valueOf(image.getFileName()),
              String.valueOf(copyOf(image).getFileName()));
      Path lease = store.leases.add(new Lease(layer.id(), HOLDER, used));
      return new Making(layer, raw, content, image, lease);
    } catch (IOException | RuntimeException e) {
      content.close();
      throw e;
    }
  }

  /**
   * The image's name says by which recipe it was built, not what is in it: only one with the same
   * content is the same.
   */
  private Below readImage(Ustar.Reader tar, ImagePart part, BootImage current, Making making)
      throws IOException {
    Optional<Below> here = store.onDisk(() -> find(part, current));
    if (part.included()) {
      Entry entry = tar.next().orElseThrow(() -> Ustar.refused("it lacks its image"));
      if (!entry.name().equals(BootImage.NAME) || entry.bytes() != part.bytes()) {
        throw Ustar.refused("its image is not where it should be, or of another size");
      }
      copyImage(tar, part, here.isEmpty() ? Optional.of(making.image) : Optional.empty());
    } else if (here.isEmpty()) {
      throw new StorageException(
          Reason.NOT_FOUND,
          "The volume lies above image %s, which is not on this host, and the file does not have"
                  .formatted(part.hash())
              + " it. Export it without --without-image.");
    }
    return here.orElseGet(() -> new Below(BY_CONTENT + part.sha256(), Optional.of(making.image)));
  }

  private Optional<Below> find(ImagePart part, BootImage current) throws IOException {
    String byContent = BY_CONTENT + part.sha256();
    for (String hash : List.of(byContent, part.hash())) {
      if (isThat(store.images.directoryOf(hash).resolve(BootImage.NAME), part)) {
        return Optional.of(new Below(hash, Optional.empty()));
      }
    }
    return current.hash().equals(part.hash()) && isThat(current.file(), part)
        ? Optional.of(new Below(current.hash(), Optional.of(current.file())))
        : Optional.empty();
  }

  private static boolean isThat(Path file, ImagePart part) throws IOException {
    return Files.isRegularFile(file)
        && Files.size(file) == part.bytes()
        && Sums.of(file).equals(part.sha256());
  }

  /** Nowhere, where it is here already; its sum must be right all the same. */
  private void copyImage(Ustar.Reader tar, ImagePart part, Optional<Path> to) throws IOException {
    MessageDigest digest = Sums.sha256();
    byte[] buffer = new byte[ArchiveManifest.CHUNK];
    try (@org.jspecify.annotations.Nullable
        FileChannel out = to.isPresent() ? store.onDisk(() -> made(to.get())) : null) {
      for (long left = part.bytes(); left > 0; left -= Math.min(left, buffer.length)) {
        int length = (int) Math.min(left, buffer.length);
        tar.read(buffer, length);
        digest.update(buffer, 0, length);
        if (out != null) {
          store.onDisk(() -> write(out, buffer, length, out.position()));
        }
      }
      if (out != null) {
        store.onDisk(
            () -> {
              // Machines run as others.
              Files.setAttribute(to.orElseThrow(), "unix:mode", 0444);
              out.force(true);
              return out;
            });
      }
    }
    tar.skipPadding(part.bytes());
    checkSum(digest, part.sha256(), "image");
  }

  private static FileChannel made(Path file) throws IOException {
    FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.SPARSE,
            StandardOpenOption.WRITE);
    try {
      Files.setAttribute(file, "unix:mode", 0600);
      return channel;
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static FileChannel write(FileChannel out, byte[] bytes, int length, long at)
      throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(bytes, 0, length);
    while (buffer.hasRemaining()) {
      out.write(buffer, at + buffer.position());
    }
    out.position(at + length);
    return out;
  }

  private void readDisk(Ustar.Reader tar, ArchiveManifest manifest, long bytes, FileChannel raw)
      throws IOException {
    MessageDigest digest = Sums.sha256();
    byte[] chunk = new byte[ArchiveManifest.CHUNK];
    int next = 0;
    int most = (int) (bytes / ArchiveManifest.CHUNK);
    store.onDisk(() -> write(raw, new byte[1], 1, bytes - 1));
    for (int i = 0; i < manifest.disk().chunks(); i++) {
      Entry entry = tar.next().orElseThrow(() -> Ustar.refused("its disk ends too early"));
      int number = number(entry);
      if (number < next || number >= most) {
        throw Ustar.refused("chunks of its disk are there twice, or are none of it");
      }
      next = number + 1;
      tar.read(chunk, chunk.length);
      Sums.update(digest, number, chunk);
      store.onDisk(() -> write(raw, chunk, chunk.length, (long) number * ArchiveManifest.CHUNK));
    }
    if (tar.next().isPresent()) {
      throw Ustar.refused("it has more files than its manifest tells");
    }
    checkSum(digest, manifest.disk().sha256(), "disk");
  }

  private static int number(Entry entry) {
    String name = entry.name();
    if (entry.bytes() != ArchiveManifest.CHUNK || !name.matches("disk/[0-9]{5}")) {
      throw Ustar.refused("a file in it is no chunk of a disk");
    }
    return Integer.parseInt(name.substring("disk/".length()));
  }

  private static void checkSum(MessageDigest digest, String wanted, String what) {
    if (!HexFormat.of().formatHex(digest.digest()).equals(wanted)) {
      throw Ustar.refused("the SHA-256 of its " + what + " is not what its manifest says");
    }
  }

  private Volume finish(Disk begun, Optional<Below> below, Making making) {
    Layer layer = making.layer;
    store.onDisk(
        () -> {
          store.tools.fromRaw(making.raw, store.layers.fileOf(layer));
          Files.delete(making.raw);
          store.layers.force(layer);
          return layer;
        });
    FaultPoint.LAYER_MADE.reached();
    if (below.isEmpty()) {
      return commit(begun, below, making);
    }
    Path lease = store.locked(() -> kept(below.get(), making));
    try {
      if (below.get().file.isPresent()) {
        store.onDisk(
            () -> {
              store.images.keep(below.get().hash, below.get().file.get(), copyOf(making.image));
              return lease;
            });
      }
      return commit(begun, below, making);
    } finally {
      store.giveUp(lease);
    }
  }

  private Volume commit(Disk begun, Optional<Below> below, Making making) {
    Layer layer = making.layer;
    Disk made =
        store.locked(
            () -> {
              Catalog catalog = store.file.read();
              Checks.checkFree(catalog, begun.owner(), begun.slug());
              store.quotas.check(catalog, begun.owner(), begun.capacity());
              Disk volume = begun.withTop(layer.id()).above(below.map(Below::hash));
              store.file.write(catalog.with(layer).withVolume(volume));
              return volume;
            });
    return store.look(made.owner(), (catalog, described) -> described.volume(made));
  }

  /** A lease of the image that it is to lie above. */
  private Path kept(Below below, Making making) throws IOException {
    if (below.file.isEmpty() && store.images.size(below.hash) == 0) {
      throw new StorageException(
          Reason.NOT_FOUND,
          "The image %s was removed while the volume was being imported. Try again."
              .formatted(below.hash));
    }
    return store.leases.add(new Lease(making.layer.id(), HOLDER, List.of(below.hash)));
  }

  private static Path copyOf(Path image) {
    return image.resolveSibling(image.getFileName() + ".copy");
  }
}
