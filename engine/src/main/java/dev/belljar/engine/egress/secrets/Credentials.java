package dev.belljar.engine.egress.secrets;

import dev.belljar.engine.egress.secrets.Replacement.Pair;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Credentials that requests of one sandbox had values put into, as they were sent: whoever was sent
 * them may repeat them, on that connection or on another. A guest chooses the user in them, so
 * there is a bound, and no more values are put into others.
 */
final class Credentials {
  private static final int MOST = 256;

  private final List<Pair> sent = new CopyOnWriteArrayList<>();

  /** Those there are; the list only grows. */
  List<Pair> sent() {
    return sent;
  }

  /** Keeps one; false where there are too many. */
  synchronized boolean keep(Pair credential) {
    boolean known = sent.stream().anyMatch(other -> Arrays.equals(other.from(), credential.from()));
    if (!known && sent.size() >= MOST) {
      return false;
    }
    if (!known) {
      sent.add(credential);
    }
    return true;
  }
}
