package dev.belljar.server.observe;

import dev.belljar.EgressRecord.Verdict;
import dev.belljar.EgressTotals;
import dev.belljar.EgressTotals.Limit;
import dev.belljar.Sandbox;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;

/**
 * What egress of all sandboxes comes to, those that have ended included. Each sandbox keeps its own
 * totals; they are added up when somebody looks.
 */
public final class EgressMeters {
  /**
   * The last connections of a sandbox are counted when they have noticed its end: one that waits
   * for its turn and for its name takes 20 seconds.
   */
  private static final Duration SETTLING = Duration.ofSeconds(30);

  private final Duration settling;
  private final Set<Sandbox> sandboxes = new HashSet<>();
  private EgressTotals past = EgressTotals.NONE;
  private volatile EgressTotals now = EgressTotals.NONE;

  EgressMeters(MeterRegistry registry) {
    this(registry, SETTLING);
  }

  EgressMeters(MeterRegistry registry, Duration settling) {
    this.settling = settling;
    for (Verdict verdict : Verdict.values()) {
      FunctionCounter.builder("belljar.egress.connections", this, all -> all.now.count(verdict))
          .description("Connections of sandboxes that have ended, by verdict")
          .tag("verdict", text(verdict))
          .register(registry);
    }
    for (Limit limit : Limit.values()) {
      FunctionCounter.builder("belljar.egress.limited", this, all -> all.now.count(limit))
          .description("Connections and look-ups that a limit of egress refused or ended")
          .tag("limit", text(limit))
          .register(registry);
    }
    Gauge.builder("belljar.egress.open", this, all -> all.now.open())
        .description("Connections of sandboxes that are open")
        .register(registry);
    FunctionCounter.builder("belljar.egress.out", this, all -> all.now.bytesOut())
        .description("Bytes that sandboxes sent on connections")
        .baseUnit("bytes")
        .register(registry);
    FunctionCounter.builder("belljar.egress.in", this, all -> all.now.bytesIn())
        .description("Bytes that sandboxes received on connections")
        .baseUnit("bytes")
        .register(registry);
  }

  /** A sandbox is to be counted from now on. */
  public synchronized void began(Sandbox sandbox) {
    sandboxes.add(sandbox);
  }

  /** A sandbox has ended; what it carried goes on being counted. */
  public void ended(Sandbox sandbox) {
    Thread.ofVirtual()
        .name("egress of " + sandbox.id())
        .start(
            () -> {
              try {
                Thread.sleep(settling);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
              settle(sandbox);
            });
  }

  /** Looks at all sandboxes: the meters show what it finds. */
  synchronized void sum() {
    EgressTotals all = past;
    for (Sandbox sandbox : sandboxes) {
      all = all.plus(sandbox.egressTotals());
    }
    now = all;
  }

  private synchronized void settle(Sandbox sandbox) {
    if (sandboxes.remove(sandbox)) {
      EgressTotals last = sandbox.egressTotals();
      past =
          past.plus(
              new EgressTotals(
                  last.connections(), last.limits(), 0, last.bytesOut(), last.bytesIn()));
    }
  }

  private static String text(Enum<?> label) {
    return label.name().toLowerCase(Locale.ROOT);
  }
}
