package dev.belljar.server.sandboxes;

import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.Volume;
import dev.belljar.Volumes;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Volumes that go from one sandbox to the next. A client that has closed a sandbox counts on what
 * it had, while the guest still writes down what it holds: so whoever wants a volume waits for the
 * sandbox that has it where that is ending already, and only there.
 */
final class Handover {
  /** A guest has 20 s to write down what it holds; then its machine and its files go. */
  private static final Duration LONGEST_END = Duration.ofSeconds(25);

  private final Map<String, HostedSandbox> running;

  /**
   * Between the sandboxes of a server.
   *
   * @param running those that have not ended, by id; one is in it until its volumes are free
   */
  Handover(Map<String, HostedSandbox> running) {
    this.running = running;
  }

  /**
   * Does something that needs volumes, again when sandboxes that had them have ended. Blocks for 25
   * s at most, beside the work itself.
   *
   * @param names ids or slugs; those of no volume count for nothing
   * @throws StorageException as the work does: at once where a volume is had by a sandbox that is
   *     not ending, or by something else
   */
  <T> T whenFree(Volumes volumes, Collection<String> names, Supplier<T> work) {
    long deadline = System.nanoTime() + LONGEST_END.toNanos();
    boolean wasFree = false;
    while (true) {
      try {
        return work.get();
      } catch (StorageException e) {
        if (e.reason() != Reason.BUSY || System.nanoTime() > deadline) {
          throw e;
        }
        // In this order: who ends between the two is known, and need not be looked for twice.
        Map<String, HostedSandbox> known = Map.copyOf(running);
        List<Volume> wanted = names.stream().map(volumes::get).flatMap(Optional::stream).toList();
        List<String> holders =
            wanted.stream().map(Volume::holder).flatMap(Optional::stream).distinct().toList();
        // What nobody has was freed just now. Where that is so twice, something else keeps it busy.
        if (holders.isEmpty()
            ? wasFree || wanted.isEmpty()
            : !haveEnded(known, holders, deadline)) {
          throw e;
        }
        wasFree = holders.isEmpty();
      }
    }
  }

  /** Whether all of them were ending, and have ended in time. */
  private static boolean haveEnded(
      Map<String, HostedSandbox> known, List<String> holders, long deadline) {
    List<HostedSandbox> ending =
        known.values().stream()
            .filter(hosted -> holders.contains(hosted.id()) && hosted.ending())
            .toList();
    return ending.size() == holders.size()
        && ending.stream().allMatch(hosted -> hosted.awaitEnd(deadline - System.nanoTime()));
  }
}
