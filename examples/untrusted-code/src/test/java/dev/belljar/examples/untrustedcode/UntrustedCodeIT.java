package dev.belljar.examples.untrustedcode;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.ChildProcessOutput;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Signal;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The example from the question to the output, with servers on loopback for both of its hosts. */
@Timeout(120)
class UntrustedCodeIT {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private final List<String> steps = new ArrayList<>();

  @Test
  void aModelsScriptFetchesThePriceInASandbox() throws Exception {
    try (ModelStandIn model =
        ModelStandIn.replying(
            """
            Here you are:
            ```typescript
            const url = "https://api.coingecko.com/api/v3/simple/price?ids=bitcoin&vs_currencies=usd";
            const { bitcoin } = await (await fetch(url)).json();
            console.log(`Bitcoin: $${bitcoin.usd}`);
            ```
            """)) {
      boolean success =
          demo(Map.of("ANTHROPIC_API_KEY", "test-key", "ANTHROPIC_BASE_URL", model.baseUrl()));

      assertThat(success).as(text(err)).isTrue();
      assertThat(text(out)).isEqualTo("Output:\n Bitcoin: $67187.34\n\n");
      assertThat(text(err)).isEmpty();
      assertThat(model.question()).contains("claude-opus-4-6");
      assertThat(steps).anyMatch(step -> step.contains("plays it")).noneMatch(this::tellsTheKey);
    }
  }

  @Test
  void withoutAKeyTheRecordedReplyIsRunAndThatIsSaid() throws Exception {
    assertThat(demo(Map.of())).as(text(err)).isTrue();

    assertThat(text(out)).startsWith("Output:\n Current Bitcoin price: $67,187.34");
    assertThat(steps).anyMatch(step -> step.contains("recorded reply"));
  }

  @Test
  void aScriptThatReachesElsewhereFailsAndItsErrorIsPrinted() throws Exception {
    try (ModelStandIn model =
        ModelStandIn.replying("```ts\nawait fetch(\"https://example.com/\");\n```")) {
      boolean success =
          demo(Map.of("ANTHROPIC_API_KEY", "test-key", "ANTHROPIC_BASE_URL", model.baseUrl()));

      assertThat(success).isFalse();
      assertThat(text(err)).startsWith("Error:\n ").contains("example.com");
    }
  }

  @Test
  void aScriptThatNeverEndsIsKilledAfterTenSeconds() {
    try (Sandbox sandbox = Sandbox.create(SandboxOptions.builder().noNet().build())) {
      long begin = System.nanoTime();

      ChildProcessOutput output = UntrustedCode.run(sandbox, "console.log('on'); for (;;) {}");

      assertThat(output.status().signal()).contains(Signal.SIGKILL);
      assertThat(output.stdoutText()).isEqualTo("on\n");
      assertThat(System.nanoTime() - begin).isBetween(9_500_000_000L, 20_000_000_000L);
    }
  }

  private boolean demo(Map<String, String> environment) {
    var demo = new Demo(environment, steps::add, () -> Optional.of("this is a test"));
    return demo.run(
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8));
  }

  private boolean tellsTheKey(String step) {
    return step.contains("test-key");
  }

  private static String text(ByteArrayOutputStream bytes) {
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
