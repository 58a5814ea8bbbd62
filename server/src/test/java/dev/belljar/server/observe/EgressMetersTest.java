package dev.belljar.server.observe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.EgressRecord.Verdict;
import dev.belljar.EgressTotals;
import dev.belljar.EgressTotals.Limit;
import dev.belljar.Sandbox;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class EgressMetersTest {
  private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
  private final AtomicReference<EgressTotals> totals = new AtomicReference<>(EgressTotals.NONE);
  private final AtomicInteger asked = new AtomicInteger();
  private final Sandbox sandbox =
      (Sandbox)
          Proxy.newProxyInstance(
              Sandbox.class.getClassLoader(),
              new Class<?>[] {Sandbox.class},
              (proxy, method, args) ->
                  switch (method.getName()) {
                    case "egressTotals" -> {
                      asked.incrementAndGet();
                      yield totals.get();
                    }
                    case "hashCode" -> System.identityHashCode(proxy);
                    case "equals" ->
                        System.identityHashCode(args[0]) == System.identityHashCode(proxy);
                    default -> "sandbox";
                  });

  private static EgressTotals totals(long count, long open) {
    return new EgressTotals(
        Map.of(Verdict.LIMITED, count), Map.of(Limit.IDLE, count), open, 10 * count, 20 * count);
  }

  private double value(String name) {
    return registry.get(name).meter().measure().iterator().next().getValue();
  }

  @Test
  void whatASandboxCarriedIsCountedOnceAfterItHasBeenForgotten() {
    EgressMeters meters = new EgressMeters(registry, Duration.ofMillis(50));
    meters.began(sandbox);
    totals.set(totals(1, 5));
    meters.sum();
    assertThat(value("belljar.egress.out")).isEqualTo(10);
    assertThat(value("belljar.egress.open")).isEqualTo(5);

    meters.ended(sandbox);
    // Its last connections notice later.
    totals.set(totals(3, 1));
    await()
        .untilAsserted(
            () -> {
              int before = asked.get();
              meters.sum();
              assertThat(asked).as("asked again").hasValue(before);
            });

    assertThat(value("belljar.egress.out")).isEqualTo(30);
    assertThat(value("belljar.egress.in")).isEqualTo(60);
    assertThat(value("belljar.egress.open")).isZero();
    assertThat(
            registry.get("belljar.egress.limited").tag("limit", "idle").functionCounter().count())
        .isEqualTo(3);
    assertThat(
            registry
                .get("belljar.egress.connections")
                .tag("verdict", "limited")
                .functionCounter()
                .count())
        .isEqualTo(3);
  }
}
