package dev.belljar.engine.egress;

import dev.belljar.EgressRecord;
import dev.belljar.EgressRecord.Verdict;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** What the audit record costs: one of these for each connection. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class EgressLogBenchmark {
  private final EgressLog log = new EgressLog("sbx_bench");
  private final EgressRecord entry =
      new EgressRecord(
          Instant.now(),
          "api.example.com",
          443,
          Optional.of("192.0.2.1"),
          Verdict.ALLOWED,
          "",
          1234,
          5678,
          Duration.ofMillis(12),
          List.of());

  /** With whatever back end the benchmarks log to. */
  @Benchmark
  public void add() {
    log.add(entry);
  }
}
