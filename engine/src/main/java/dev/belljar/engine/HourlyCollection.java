package dev.belljar.engine;

import dev.belljar.StorageException;
import dev.belljar.engine.volumes.VolumeStore;
import java.time.Duration;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Removes from time to time what nothing refers to any more, in a process that runs for long. */
final class HourlyCollection {
  private static final Logger LOG = LoggerFactory.getLogger("dev.belljar.engine");
  private static final Duration USUAL = Duration.ofHours(1);

  private final Iterable<VolumeStore> stores;
  private final ReentrantLock running = new ReentrantLock();

  private HourlyCollection(Iterable<VolumeStore> stores) {
    this.stores = stores;
  }

  /** Collects in these stores, those that are added later among them, until the timer ends. */
  static void begin(ScheduledExecutorService timer, Iterable<VolumeStore> stores) {
    begin(timer, stores, USUAL);
  }

  @SuppressWarnings("FutureReturnValueIgnored") // it ends with the timer, and never fails
  static void begin(
      ScheduledExecutorService timer, Iterable<VolumeStore> stores, Duration interval) {
    HourlyCollection collection = new HourlyCollection(stores);
    // The timer ends sandboxes whose time is over, and must not wait for a lock.
    timer.scheduleWithFixedDelay(
        () -> Thread.ofVirtual().name("collection").start(collection::collect),
        interval.toMillis(),
        interval.toMillis(),
        TimeUnit.MILLISECONDS);
  }

  private void collect() {
    if (!running.tryLock()) {
      return;
    }
    try {
      for (VolumeStore store : stores) {
        try {
          store.collect();
        } catch (StorageException e) {
          LOG.warn("Cannot clear volumes that were deleted: {}", e.getMessage());
        }
      }
    } finally {
      running.unlock();
    }
  }
}
