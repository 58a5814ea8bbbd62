package dev.belljar.engine;

import dev.belljar.Storage;
import dev.belljar.engine.storage.Directories;
import dev.belljar.engine.volumes.DataCheck;
import dev.belljar.engine.volumes.DataReport;
import dev.belljar.spi.Tenant;
import java.nio.file.Path;
import java.util.Optional;

/** Volumes and snapshots of this host, as whoever looks after them sees them. */
public final class StoredData {
  private StoredData() {}

  /** Where those are that {@link Storage#local} has. */
  public static Path ofUser() {
    return Directories.storageOfUser();
  }

  /** Whether that is a storage directory, which may hold nothing yet. Makes nothing. */
  public static boolean isThere(Path directory) {
    return DataCheck.isStorage(directory);
  }

  /**
   * Looks through a storage directory, also while sandboxes use it; what they have open is left
   * out. What nothing refers to is removed, unless the catalog is damaged. May take minutes.
   *
   * @param directory need not be there
   * @throws dev.belljar.StorageException where it cannot be read at all
   * @throws dev.belljar.SandboxUnavailableException where this host cannot make jails
   */
  public static DataReport check(Path directory, Progress progress) {
    return LocalEngine.instance().check(directory, progress);
  }

  /** The volumes and snapshots that an organization has in a storage directory. */
  public static Storage of(String organization, Path directory) {
    return LocalEngine.instance().storage(new Tenant(organization, Optional.of(directory)));
  }
}
