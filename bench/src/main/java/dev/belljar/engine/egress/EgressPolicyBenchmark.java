package dev.belljar.engine.egress;

import dev.belljar.SandboxOptions;
import java.net.InetAddress;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** What is decided for each connection that a sandbox makes. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class EgressPolicyBenchmark {

  /** Entries of the allow list. */
  @Param({"1", "100", "1000"})
  public int patterns;

  private EgressPolicy policy = EgressPolicy.of(SandboxOptions.builder().build());
  private InetAddress address = InetAddress.getLoopbackAddress();

  /** Fills the allow list. */
  @Setup
  public void fill() {
    policy =
        EgressPolicy.of(
            SandboxOptions.builder()
                .allowNet(
                    IntStream.rangeClosed(1, patterns)
                        .mapToObj(i -> "*.host" + i + ".example:443")
                        .toList())
                .build());
    address = InetAddress.ofLiteral("8.8.8.8");
  }

  /** A name that the last entry allows: the longest way to a yes. */
  @Benchmark
  public Optional<String> allowedName() {
    return policy.refusalOfTarget("api.host" + patterns + ".example", true, 443);
  }

  /** A name that no entry allows. */
  @Benchmark
  public Optional<String> refusedName() {
    return policy.refusalOfTarget("api.elsewhere.example", true, 443);
  }

  /** The address that a name led to; asks this host for its own addresses. */
  @Benchmark
  public Optional<String> publicAddress() {
    return policy.refusalOfAddress(address, 443);
  }
}
