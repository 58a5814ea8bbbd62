package dev.belljar.examples.untrustedcode;

import com.anthropic.client.AnthropicClient;
import com.anthropic.client.okhttp.AnthropicOkHttpClient;
import com.anthropic.models.messages.ContentBlock;
import com.anthropic.models.messages.MessageCreateParams;
import com.anthropic.models.messages.Model;
import dev.belljar.ChildProcess;
import dev.belljar.ChildProcessOutput;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Signal;
import dev.belljar.SpawnOptions;
import java.io.PrintStream;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Asks Claude for a script that fetches the Bitcoin price, and runs that script in a sandbox. */
public final class UntrustedCode {

  private static final Pattern FENCED_BLOCK =
      Pattern.compile("```(?:typescript|ts|javascript|js)?\\n([\\s\\S]*?)```");

  private UntrustedCode() {}

  /** Runs the example; needs {@code ANTHROPIC_API_KEY} in the environment. */
  public static void main(String[] args) {
    // The client picks up ANTHROPIC_API_KEY from the environment.
    AnthropicClient client = AnthropicOkHttpClient.fromEnv();
    String generatedCode = extractCode(askForScript(client));

    // Only the specific host we expect: here for the whole machine, below for Deno.
    var options = SandboxOptions.builder().allowNet("api.coingecko.com").build();
    try (Sandbox sandbox = Sandbox.create(options)) {
      print(run(sandbox, generatedCode), System.out, System.err);
    }
  }

  /** Asks Claude to write some code, which it wraps in a markdown code block. */
  static String askForScript(AnthropicClient client) {
    var question =
        MessageCreateParams.builder()
            .model(Model.CLAUDE_OPUS_4_6)
            .maxTokens(1024)
            .addUserMessage(
                "Write a Deno script that fetches the current Bitcoin price from the CoinGecko API"
                    + " and prints it.")
            .build();
    ContentBlock first =
        client.messages().create(question).content().stream()
            .findFirst()
            .orElseThrow(() -> new IllegalStateException("Claude's reply has no content"));
    return first
        .text()
        .orElseThrow(() -> new IllegalStateException("Claude's reply does not begin with text"))
        .text();
  }

  /** The first code block of a markdown text, or the raw text where no fences are found. */
  static String extractCode(String text) {
    Matcher block = FENCED_BLOCK.matcher(text);
    return block.find() ? block.group(1) : text;
  }

  /** Writes the code into the sandbox and runs it there with Deno, for at most 10 seconds. */
  static ChildProcessOutput run(Sandbox sandbox, String code) {
    sandbox.fs().writeTextFile("/tmp/generated.ts", code);

    var deno =
        SpawnOptions.builder()
            .args("run", "--allow-net=api.coingecko.com", "/tmp/generated.ts")
            .piped()
            .build();
    try (ChildProcess child = sandbox.spawn("deno", deno);
        ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor()) {
      // The code could loop forever, by accident or by malice: this kills it no matter what.
      ScheduledFuture<?> timeout =
          clock.schedule(() -> child.kill(Signal.SIGKILL), 10, TimeUnit.SECONDS);
      try {
        return child.output();
      } finally {
        timeout.cancel(false);
      }
    }
  }

  static void print(ChildProcessOutput output, PrintStream out, PrintStream err) {
    out.println("Output:\n " + output.stdoutText());
    if (!output.status().success()) {
      err.println("Error:\n " + output.stderrText());
    }
  }
}
