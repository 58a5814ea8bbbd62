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
  private static final int LONGEST_REASON = 300;

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
        "sandbox={} egress verdict={} host={} port={} address={} out={} in={} ms={} secrets={} reason=\"{}\"",
        sandbox,
        entry.verdict(),
        entry.host(),
        entry.port(),
        entry.address().orElse("-"),
        entry.bytesOut(),
        entry.bytesIn(),
        entry.duration().toMillis(),
        entry.secrets().isEmpty() ? "-" : String.join(",", entry.secrets()),
        printable(entry.reason()));
  }

  /** Reasons may repeat what a guest or a server said; a line of the log is one line. */
  private static String printable(String text) {
    String cut = text.length() <= LONGEST_REASON ? text : text.substring(0, LONGEST_REASON);
    return cut.replaceAll("[^ -~]", "?").replace('"', '\'');
  }
}
