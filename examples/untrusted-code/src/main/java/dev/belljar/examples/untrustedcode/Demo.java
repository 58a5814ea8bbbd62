package dev.belljar.examples.untrustedcode;

import com.anthropic.client.AnthropicClient;
import com.anthropic.client.okhttp.AnthropicOkHttpClient;
import com.anthropic.errors.AnthropicException;
import com.anthropic.errors.AnthropicServiceException;
import dev.belljar.ChildProcessOutput;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import java.io.IOException;
import java.io.PrintStream;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * The example of {@link UntrustedCode} on any host. What the host lacks is played, and said:
 * without a key the model's reply is a recorded one, and where CoinGecko cannot be reached, a local
 * server takes its place.
 */
public final class Demo {
  private static final String COIN_GECKO = "api.coingecko.com";

  private final Map<String, String> environment;
  private final Supplier<Optional<String>> obstacle;
  private final Consumer<String> steps;

  /**
   * A demo that looks for itself whether CoinGecko can be reached.
   *
   * @param environment where {@code ANTHROPIC_API_KEY}, {@code ANTHROPIC_AUTH_TOKEN} and {@code
   *     ANTHROPIC_BASE_URL} are looked up
   * @param steps hears, line by line, what is done
   */
  public Demo(Map<String, String> environment, Consumer<String> steps) {
    this(environment, steps, () -> Reachability.obstacleTo(COIN_GECKO, 443));
  }

  Demo(
      Map<String, String> environment,
      Consumer<String> steps,
      Supplier<Optional<String>> obstacle) {
    this.environment = Map.copyOf(environment);
    this.steps = steps;
    this.obstacle = obstacle;
  }

  /**
   * Runs the example and prints what the generated program wrote.
   *
   * @return whether the generated program succeeded
   * @throws DemoException where the model did not answer; the message says what to do
   * @throws dev.belljar.BelljarException where the sandbox failed
   */
  public boolean run(PrintStream out, PrintStream err) {
    String code = UntrustedCode.extractCode(reply());
    Optional<String> obstacleToCoinGecko = obstacle.get();
    if (obstacleToCoinGecko.isEmpty()) {
      return run(options().build(), code, out, err);
    }
    try (CoinGeckoStandIn standIn = CoinGeckoStandIn.start()) {
      steps.accept(
          COIN_GECKO
              + " cannot be reached from here ("
              + obstacleToCoinGecko.get()
              + "): a local TLS server on 127.0.0.1:"
              + standIn.port()
              + " plays it, and its price is invented.");
      var options =
          options()
              .connectTo(COIN_GECKO + ":443:127.0.0.1:" + standIn.port())
              .caCertificate(standIn.caCertificate());
      return run(options.build(), code, out, err);
    } catch (IOException e) {
      throw new DemoException("No local server could be started: " + e.getMessage(), e);
    }
  }

  private boolean run(SandboxOptions options, String code, PrintStream out, PrintStream err) {
    steps.accept("Starting a sandbox that may reach " + COIN_GECKO + " and nothing else.");
    try (Sandbox sandbox = Sandbox.create(options)) {
      steps.accept(
          "Running in it, for at most 10 s: deno run --allow-net=api.coingecko.com"
              + " /tmp/generated.ts");
      ChildProcessOutput output = UntrustedCode.run(sandbox, code);
      UntrustedCode.print(output, out, err);
      return output.status().success();
    }
  }

  private static SandboxOptions.Builder options() {
    return SandboxOptions.builder().local().allowNet(COIN_GECKO);
  }

  private String reply() {
    Optional<AnthropicClient> client = client();
    if (client.isEmpty()) {
      steps.accept(
          "No ANTHROPIC_API_KEY in the environment or in a file given with --env-file: using a"
              + " recorded reply of the model.");
      return RecordedReply.text();
    }
    steps.accept("Asking claude-opus-4-6 for a script that fetches the Bitcoin price.");
    AnthropicClient model = client.get();
    try {
      return UntrustedCode.askForScript(model);
    } catch (AnthropicServiceException e) {
      throw new DemoException(
          "The model's API answered with status "
              + e.statusCode()
              + e.apiMessage().map(message -> " (" + message + ")").orElse("")
              + ". Check ANTHROPIC_API_KEY, or unset it to use the recorded reply.",
          e);
    } catch (AnthropicException | IllegalStateException e) {
      throw new DemoException(
          "The model's API gave no reply: "
              + e.getMessage()
              + Optional.ofNullable(e.getCause())
                  .map(cause -> " (" + cause.getMessage() + ")")
                  .orElse("")
              + ". Unset ANTHROPIC_API_KEY to use the recorded reply.",
          e);
    } finally {
      model.close();
    }
  }

  private Optional<AnthropicClient> client() {
    Optional<String> key = variable("ANTHROPIC_API_KEY");
    Optional<String> token = variable("ANTHROPIC_AUTH_TOKEN");
    if (key.isEmpty() && token.isEmpty()) {
      return Optional.empty();
    }
    var builder = AnthropicOkHttpClient.builder();
    key.ifPresent(builder::apiKey);
    token.ifPresent(builder::authToken);
    variable("ANTHROPIC_BASE_URL").ifPresent(builder::baseUrl);
    return Optional.of(builder.build());
  }

  private Optional<String> variable(String name) {
    return Optional.ofNullable(environment.get(name)).filter(value -> !value.isBlank());
  }
}
