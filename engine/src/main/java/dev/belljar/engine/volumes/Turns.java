package dev.belljar.engine.volumes;

import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * How much work each owner has under way at once, or each volume: nobody waits for what concerns
 * another one.
 */
final class Turns {
  private final int most;
  private final Duration longestWait;
  private final Map<String, Semaphore> of = new ConcurrentHashMap<>();

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
   * @param whose the owner's name, or the volume's id
   * @param work what is under way, for the message
   * @throws StorageException where it takes too long
   */
  Turn take(String whose, String work) throws InterruptedException {
    Semaphore turns = of.computeIfAbsent(whose, key -> new Semaphore(most, true));
    if (!turns.tryAcquire(longestWait.toMillis(), TimeUnit.MILLISECONDS)) {
      throw new StorageException(Reason.BUSY, work + ". Try again when that is done.");
    }
    return new Turn(turns);
  }
}
