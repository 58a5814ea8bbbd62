package dev.belljar;

import dev.belljar.EgressRecord.Verdict;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;

/**
 * What a sandbox's {@link Sandbox#egress} comes to since it was made, also what is no longer in
 * that list. All numbers but {@link #open} only grow.
 *
 * @param connections how many have ended, were refused or failed, refused look-ups of names
 *     included; each verdict is a key
 * @param limits how many of those {@link Verdict#LIMITED} each limit refused or ended; each limit
 *     is a key
 * @param open connections that exist now
 * @param bytesOut bytes that left the sandbox, those of open connections included
 * @param bytesIn bytes that came back
 */
public record EgressTotals(
    Map<Verdict, Long> connections,
    Map<Limit, Long> limits,
    long open,
    long bytesOut,
    long bytesIn) {

  /** Nothing yet. */
  public static final EgressTotals NONE = new EgressTotals(Map.of(), Map.of(), 0, 0, 0);

  /** One of {@link EgressLimits}. */
  public enum Limit {
    /** How many connections may exist at once. */
    CONNECTIONS,
    /** How many connections or look-ups may begin in a second. */
    PER_SECOND,
    /** How many bytes may go out and come in. */
    BYTES,
    /** How long a connection may carry nothing. */
    IDLE
  }

  /** Copies the maps, and adds the keys that they lack. */
  public EgressTotals {
    connections = complete(Verdict.class, connections);
    limits = complete(Limit.class, limits);
  }

  /** How many connections ended with that verdict. */
  public long count(Verdict verdict) {
    return connections.getOrDefault(verdict, 0L);
  }

  /** How many connections and look-ups that limit refused or ended. */
  public long count(Limit limit) {
    return limits.getOrDefault(limit, 0L);
  }

  /** Of two sandboxes together. */
  public EgressTotals plus(EgressTotals other) {
    return new EgressTotals(
        sum(Verdict.class, connections, other.connections),
        sum(Limit.class, limits, other.limits),
        open + other.open,
        bytesOut + other.bytesOut,
        bytesIn + other.bytesIn);
  }

  private static <K extends Enum<K>> Map<K, Long> complete(Class<K> keys, Map<K, Long> counts) {
    return sum(keys, counts, Map.of());
  }

  private static <K extends Enum<K>> Map<K, Long> sum(
      Class<K> keys, Map<K, Long> some, Map<K, Long> more) {
    Map<K, Long> all = new EnumMap<>(keys);
    for (K key : keys.getEnumConstants()) {
      all.put(key, some.getOrDefault(key, 0L) + more.getOrDefault(key, 0L));
    }
    return Collections.unmodifiableMap(all);
  }
}
