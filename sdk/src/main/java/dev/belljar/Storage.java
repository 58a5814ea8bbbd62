package dev.belljar;

import dev.belljar.spi.RemoteSandboxProvider;
import dev.belljar.spi.SandboxProvider;
import dev.belljar.spi.Tenant;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Optional;
import java.util.ServiceLoader;

/**
 * Disks that outlive sandboxes, on this host or on a server.
 *
 * {@snippet :
 * var storage = Storage.open();
 * storage.volumes().create(VolumeOptions.of("tools", ByteSize.parse("2GB")).from(VolumeOptions.BUILTIN));
 * try (var sandbox = Sandbox.create(SandboxOptions.builder().root("tools").build())) {
 *   sandbox.sh("sudo apt-get update && sudo apt-get install -y cowsay").text();
 * }
 * storage.volumes().snapshot("tools", "tools-1");
 * }
 */
public interface Storage {

  /** That of the server which the environment names, else of this host. */
  static Storage open() {
    return Endpoint.fromEnvironment().map(Storage::at).orElseGet(Storage::local);
  }

  /**
   * That of this host, for whoever runs this process.
   *
   * @throws SandboxUnavailableException where this host has no engine
   */
  static Storage local() {
    return ServiceLoader.load(SandboxProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .flatMap(provider -> provider.storage(Tenant.OWN).stream())
        .findFirst()
        .orElseThrow(
            () ->
                new SandboxUnavailableException(
                    "There is no engine for this host on the class path. Add"
                        + " dev.belljar:belljar-engine as a dependency, or name a server."));
  }

  /** That of a server, for the organization that the token belongs to. */
  static Storage at(Endpoint endpoint) {
    return ServiceLoader.load(SandboxProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(RemoteSandboxProvider.class::isInstance)
        .map(RemoteSandboxProvider.class::cast)
        .findFirst()
        .orElseThrow(
            () -> new SandboxUnavailableException("There is no remote client on the class path."))
        .storage(endpoint);
  }

  /** The volumes. */
  Volumes volumes();

  /** The snapshots. */
  Snapshots snapshots();

  /** The checkpoints. */
  Checkpoints checkpoints();

  /**
   * Writes a volume or snapshot as one file, which {@link #importFrom} takes on another host: a tar
   * of what the disk holds, without its holes, and of the image that it lies above. Blocks until
   * all is written; needs room on this host for as much as the disk holds. Not offered by servers.
   *
   * @param withImage whether the image goes along where it is bootable; a host that has the same
   *     image needs none
   * @param out is not closed; what it holds after an error is of no use
   * @throws StorageException where there is none, a sandbox has the volume, or there is no room
   * @throws InvalidOptionException where this is the storage of a server
   * @throws IOException where the stream takes nothing more
   */
  default void exportTo(String idOrSlug, boolean withImage, OutputStream out) throws IOException {
    throw notHere("exported");
  }

  /**
   * Makes a volume of such a file. It may come from anybody: nothing is there until all of it was
   * read and its sums were right. Blocks until then; needs room for twice what the disk holds. Not
   * offered by servers.
   *
   * @param slug the volume's name; empty for the one that it had
   * @param in is read to the end of the export, and not closed
   * @throws StorageException where it is no export or damaged, the name is taken, an image is
   *     missing, or there is no room
   * @throws InvalidOptionException where this is the storage of a server, or the capacity is out of
   *     bounds
   * @throws IOException where the stream cannot be read
   */
  default Volume importFrom(Optional<String> slug, InputStream in) throws IOException {
    throw notHere("imported");
  }

  private static InvalidOptionException notHere(String done) {
    return new InvalidOptionException(
        "Volumes are not %s over the network: do it on the server's host, with 'belljar data'."
            .formatted(done));
  }
}
