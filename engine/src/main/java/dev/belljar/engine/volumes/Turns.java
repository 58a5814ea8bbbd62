package dev.belljar.engine.volumes;

import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * How much long work each owner has under way at once: nobody waits for what another owner asked
 * for.
 */
final class Turns {
  private final int most;
  private final Duration longestWait;
  private final Map<String, Semaphore> owners = new ConcurrentHashMap<>();

  Turns(int most, Duration longestWait) {
    this.most = most;
    this.longestWait = longestWait;
  }

  /** Lasts until it is closed. */
  record Turn(Semaphore of) implements AutoCloseable {
    @Override
    public void close() {
      of.release();
    }
  }

  /**
   * Waits for a turn.
   *
   * @param work what the owner has under way, for the message
   * @throws StorageException where it takes too long
   */
  Turn take(String owner, String work) throws InterruptedException {
    Semaphore turns = owners.computeIfAbsent(owner, key -> new Semaphore(most, true));
    if (!turns.tryAcquire(longestWait.toMillis(), TimeUnit.MILLISECONDS)) {
      throw new StorageException(Reason.BUSY, work + ". Try again when that is done.");
    }
    return new Turn(turns);
  }
}
