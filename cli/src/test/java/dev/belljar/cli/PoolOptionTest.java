package dev.belljar.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.ByteSize;
import dev.belljar.PoolOptions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class PoolOptionTest {
  private static final PoolOptions.Size LARGE =
      new PoolOptions.Size(ByteSize.parse("4GiB"), 2, 1, 2);

  private static final PoolOptions CONFIGURED =
      new PoolOptions(
          List.of(PoolOptions.DEFAULT.sizes().getFirst(), LARGE), Duration.ofMinutes(3), true);

  @Test
  void whatIsConfiguredStaysBesideTheNumbersOfTheCommandLine() {
    PoolOptions.Size named = PoolOptions.of(4, 5).sizes().getFirst();
    assertThat(pool(Optional.of(CONFIGURED), "--pool", "4-5"))
        .contains(new PoolOptions(List.of(named, LARGE), Duration.ofMinutes(3), true));
    assertThat(pool(Optional.of(CONFIGURED))).contains(CONFIGURED);
    assertThat(pool(Optional.of(CONFIGURED), "--pool", "off")).isEmpty();
    assertThat(pool(Optional.empty(), "--pool", "4-5")).contains(PoolOptions.of(4, 5));
  }

  @Test
  void denoWaitsWhereTheCommandLineSaysSo() {
    assertThat(pool(Optional.of(PoolOptions.DEFAULT), "--pool-deno"))
        .contains(PoolOptions.DEFAULT.withDeno(true));
    assertThat(pool(Optional.of(PoolOptions.DEFAULT), "--pool-deno", "--pool", "off")).isEmpty();
  }

  private static Optional<PoolOptions> pool(Optional<PoolOptions> configured, String... words) {
    var serve = new ServeCommand(StandardStreams.ofThisProcess());
    new CommandLine(serve).parseArgs(words);
    return serve.pool(configured);
  }
}
