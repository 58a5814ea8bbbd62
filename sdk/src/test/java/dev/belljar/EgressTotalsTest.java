package dev.belljar;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.EgressRecord.Verdict;
import dev.belljar.EgressTotals.Limit;
import java.util.Map;
import org.junit.jupiter.api.Test;

class EgressTotalsTest {
  @Test
  void everyVerdictAndLimitIsThere() {
    assertThat(EgressTotals.NONE.connections()).containsOnlyKeys(Verdict.values());
    assertThat(EgressTotals.NONE.limits()).containsOnlyKeys(Limit.values());
  }

  @Test
  void twoAreAddedKeyByKey() {
    EgressTotals some =
        new EgressTotals(Map.of(Verdict.ALLOWED, 1L), Map.of(Limit.IDLE, 2L), 3, 4, 5);
    EgressTotals more =
        new EgressTotals(
            Map.of(Verdict.ALLOWED, 10L, Verdict.FAILED, 20L),
            Map.of(Limit.BYTES, 30L),
            40,
            50,
            60);

    assertThat(some.plus(more))
        .isEqualTo(
            new EgressTotals(
                Map.of(Verdict.ALLOWED, 11L, Verdict.FAILED, 20L),
                Map.of(Limit.IDLE, 2L, Limit.BYTES, 30L),
                43,
                54,
                65));
    assertThat(some.plus(EgressTotals.NONE)).isEqualTo(some);
  }
}
