package dev.belljar.engine.volumes;

import dev.belljar.ByteSize;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.spi.StorageLimits;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** How much each owner may keep, as this process was told. */
final class Quotas {
  private final Map<String, StorageLimits> limits = new ConcurrentHashMap<>();

  void limit(String owner, StorageLimits most) {
    limits.put(owner, most);
  }

  /**
   * Checks that an owner may have one more.
   *
   * @param capacity bytes that it adds: of a snapshot none, of a checkpoint its memory
   */
  void check(Catalog catalog, String owner, long capacity) {
    StorageLimits most = limits.getOrDefault(owner, StorageLimits.NONE);
    long disks = catalog.count(owner);
    if (disks >= most.disks()) {
      throw full(
          "There are %d volumes, snapshots and checkpoints, and the limit is %d."
              .formatted(disks, most.disks()));
    }
    long kept =
        catalog.volumes().stream()
                .filter(disk -> disk.owner().equals(owner))
                .mapToLong(Disk::capacity)
                .sum()
            + catalog.checkpoints().stream()
                .filter(one -> one.owner().equals(owner))
                .mapToLong(one -> (long) one.machine().memoryMebibytes() << 20)
                .sum();
    if (capacity > most.capacity().bytes() - kept) {
      throw full(
          "Volumes and the memory of checkpoints come to %s together, and with %s more that were above the limit of %s."
              .formatted(new ByteSize(kept), new ByteSize(capacity), most.capacity()));
    }
  }

  private static StorageException full(String why) {
    return new StorageException(
        Reason.FULL, why + " Delete some; what is deleted counts until its data is removed.");
  }
}
