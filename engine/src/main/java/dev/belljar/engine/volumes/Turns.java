package dev.belljar.engine.volumes;

import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
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
  private final Map<String, Queue> of = new ConcurrentHashMap<>();

  Turns(int most, Duration longestWait) {
    this.most = most;
    this.longestWait = longestWait;
  }

  /**
   * Who has turns, and who waits.
   *
   * @param users how many both are
   */
  private record Queue(Semaphore turns, int users) {}

  /** Lasts until it is closed. */
  final class Turn implements AutoCloseable {
    private final String whose;
    private final Semaphore turns;

    private Turn(String whose, Semaphore turns) {
      this.whose = whose;
      this.turns = turns;
    }

    @Override
    public void close() {
      turns.release();
      leave(whose);
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
    Semaphore turns = join(whose);
    boolean taken = false;
    try {
      taken = turns.tryAcquire(longestWait.toMillis(), TimeUnit.MILLISECONDS);
    } finally {
      if (!taken) {
        leave(whose);
      }
    }
    if (!taken) {
      throw new StorageException(Reason.BUSY, work + ". Try again when that is done.");
    }
    return new Turn(whose, turns);
  }

  private Semaphore join(String whose) {
    return Objects.requireNonNull(
            of.compute(
                whose,
                (key, queue) ->
                    queue == null
                        ? new Queue(new Semaphore(most, true), 1)
                        : new Queue(queue.turns, queue.users + 1)))
        .turns;
  }

  private void leave(String whose) {
    of.computeIfPresent(
        whose, (key, queue) -> queue.users == 1 ? null : new Queue(queue.turns, queue.users - 1));
  }
}
