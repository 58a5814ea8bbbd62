package dev.belljar.engine.egress;

import dev.belljar.EgressRecord;
import dev.belljar.EgressRecord.Verdict;
import dev.belljar.EgressTotals;
import dev.belljar.EgressTotals.Limit;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;

/** What the records of one sandbox come to. Guarded by itself. */
final class EgressTally {
  private final Map<Verdict, Long> connections = new EnumMap<>(Verdict.class);
  private final Map<Limit, Long> limits = new EnumMap<>(Limit.class);
  private long bytesOut;
  private long bytesIn;

  /**
   * Counts a connection that is over.
   *
   * @param limit which one was hit, where its verdict is that one was
   */
  synchronized void add(EgressRecord ended, Optional<Limit> limit) {
    connections.merge(ended.verdict(), 1L, Long::sum);
    limit.ifPresent(hit -> limits.merge(hit, 1L, Long::sum));
    bytesOut += ended.bytesOut();
    bytesIn += ended.bytesIn();
  }

  /** Of what was counted; nothing is open. */
  synchronized EgressTotals totals() {
    return new EgressTotals(connections, limits, 0, bytesOut, bytesIn);
  }
}
