package dev.belljar.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.SandboxOptions.ConnectTo;
import dev.belljar.examples.untrustedcode.CoinGeckoStandIn;
import dev.belljar.server.BelljarServer;
import dev.belljar.server.ServerConfig;
import dev.belljar.spi.SandboxProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Deno's client against this server: the cases of {@code suite/}, and the program of the seed. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class OfficialClientIT {
  private static final Path MODULE = Path.of("").toAbsolutePath();
  private static final Path WORK = MODULE.resolve("target/conformance");
  private static final String SEED = "seed/sandbox_for_untrusted_code.ts";

  private DenoFromNpm deno;
  private CoinGeckoStandIn coinGecko;
  private BelljarServer server;
  private String token;

  @BeforeAll
  void start(@TempDir Path data) throws Exception {
    deno = DenoFromNpm.install(MODULE, WORK);
    coinGecko = CoinGeckoStandIn.start();
    server =
        BelljarServer.start(
            ServerConfig.of(data)
                .at("127.0.0.1", 0)
                .with(
                    List.of(new ConnectTo("api.coingecko.com", 443, "127.0.0.1", coinGecko.port())),
                    List.of(coinGecko.caCertificate())),
            engine());
    token = server.firstToken().orElseThrow();
  }

  @AfterAll
  void stop() {
    if (server != null) {
      server.close();
    }
    if (coinGecko != null) {
      coinGecko.close();
    }
  }

  @TestFactory
  @Timeout(value = 25, unit = TimeUnit.MINUTES)
  Stream<DynamicNode> everyFunctionOfTheClientDoesWhatItSays() throws Exception {
    Path results = WORK.resolve("results.jsonl");
    DenoFromNpm.Run run =
        deno.deno(Duration.ofMinutes(20), endpoints(), "suite/main.ts", results.toString());
    assertThat(run.exit()).as(() -> run.out() + run.err()).isZero();
    SuiteReport report = SuiteReport.read(results);
    System.out.println(report.table());
    Files.writeString(WORK.resolve("table.txt"), report.table());
    return report.tests();
  }

  @Test
  void theSeedsProgramRunsAModelsScriptUnchanged() throws Exception {
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
      DenoFromNpm.Run run = seed(model);

      assertThat(run).isEqualTo(new DenoFromNpm.Run(0, "Output:\n Bitcoin: $67187.34\n\n", ""));
      assertThat(model.question().path("model").asString()).isEqualTo("claude-opus-4-6");
    }
  }

  @Test
  void theSeedsProgramTellsWhatAModelsScriptMayNot() throws Exception {
    try (ModelStandIn model =
        ModelStandIn.replying("```ts\nawait fetch(\"https://example.com/\");\n```")) {
      DenoFromNpm.Run run = seed(model);

      assertThat(run.exit()).isZero();
      assertThat(run.out()).isEqualTo("Output:\n \n");
      assertThat(run.err()).startsWith("Error:\n ").contains("NotCapable").contains("example.com");
    }
  }

  @Test
  void theSeedsProgramEndsAModelsScriptThatNeverEnds() throws Exception {
    try (ModelStandIn model = ModelStandIn.replying("```js\nconsole.log('on'); for (;;) {}\n```")) {
      long begin = System.nanoTime();
      DenoFromNpm.Run run = seed(model);

      assertThat(run.exit()).isZero();
      assertThat(run.out()).isEqualTo("Output:\n on\n\n");
      assertThat(Duration.ofNanos(System.nanoTime() - begin))
          .isBetween(Duration.ofSeconds(10), Duration.ofSeconds(40));
    }
  }

  @Test
  void denoIsTheOneOfTheImage() throws IOException {
    String pinned =
        Files.readAllLines(MODULE.resolve("../guest/image/versions")).stream()
            .filter(line -> line.startsWith("deno "))
            .map(line -> line.split(" ", -1)[2])
            .findFirst()
            .orElseThrow();

    assertThat(Files.readString(MODULE.resolve("package.json")))
        .contains("\"@deno/linux-x64-glibc\": \"" + pinned + "\"");
  }

  @Test
  void noRegistryIsNamed() throws IOException {
    assertThat(Files.readString(MODULE.resolve("package-lock.json")))
        .doesNotContain("://")
        .doesNotContain("\"resolved\"");
  }

  private DenoFromNpm.Run seed(ModelStandIn model) throws Exception {
    Map<String, String> environment = new HashMap<>(endpoints());
    environment.put("ANTHROPIC_API_KEY", "test-key");
    environment.put("ANTHROPIC_BASE_URL", model.baseUrl());
    return deno.deno(Duration.ofMinutes(2), environment, "--import-map=seed/import_map.json", SEED);
  }

  private Map<String, String> endpoints() {
    return Map.of(
        "DENO_SANDBOX_ENDPOINT",
        server.endpoint(),
        "DENO_DEPLOY_ENDPOINT",
        server.endpoint(),
        "DENO_DEPLOY_TOKEN",
        token);
  }

  private static SandboxProvider engine() {
    return ServiceLoader.load(SandboxProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(provider -> provider.name().equals("local"))
        .findFirst()
        .orElseThrow();
  }
}
