package dev.belljar.engine.egress;

import dev.belljar.EgressRecord;
import java.util.ArrayDeque;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The audit record of one sandbox's connections: the last ones in memory, each one to the log
 * {@code dev.belljar.audit}.
 */
public final class EgressLog {
  private static final Logger AUDIT = LoggerFactory.getLogger("dev.belljar.audit");
  private static final int KEPT = 1000;

  private final String sandbox;
  private final ArrayDeque<EgressRecord> records = new ArrayDeque<>();

  /** For the sandbox of that id. */
  public EgressLog(String sandbox) {
    this.sandbox = sandbox;
  }

  /** The last records, oldest first. */
  public synchronized List<EgressRecord> records() {
    return List.copyOf(records);
  }

  synchronized void add(EgressRecord entry) {
    if (records.size() == KEPT) {
      records.remove();
    }
    records.add(entry);
    AUDIT.info(
        "sandbox={} egress verdict={} host={} port={} address={} out={} in={} ms={} reason=\"{}\"",
        sandbox,
        entry.verdict(),
        entry.host(),
        entry.port(),
        entry.address().orElse("-"),
        entry.bytesOut(),
        entry.bytesIn(),
        entry.duration().toMillis(),
        entry.reason());
  }
}
