package dev.belljar;

import dev.belljar.spi.RemoteSandboxProvider;
import dev.belljar.spi.SandboxProvider;
import dev.belljar.spi.Tenant;
import java.util.ServiceLoader;

/**
 * Disks that outlive sandboxes, on this host or on a server.
 *
 * {@snippet :
 * var storage = Storage.open();
 * storage.volumes().create(VolumeOptions.of("tools", ByteSize.parse("2GB")).from(VolumeOptions.BUILTIN));
 * try (var sandbox = Sandbox.create(SandboxOptions.builder().root("tools").build())) {
 *   sandbox.sh("sudo apt-get install -y cowsay").text();
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
}
