package dev.belljar.examples.untrustedcode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.anthropic.client.okhttp.AnthropicOkHttpClient;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ModelTest {
  @Test
  void theOfficialClientAsksTheModelOfTheExample() throws Exception {
    try (ModelStandIn model = ModelStandIn.replying("Sure:\n```ts\nconsole.log(\"hi\")\n```\n")) {
      var client =
          AnthropicOkHttpClient.builder().apiKey("test-key").baseUrl(model.baseUrl()).build();

      String reply = UntrustedCode.askForScript(client);
      client.close();

      assertThat(UntrustedCode.extractCode(reply)).isEqualTo("console.log(\"hi\")\n");
      assertThat(model.question())
          .contains("\"model\":\"claude-opus-4-6\"", "\"max_tokens\":1024", "Bitcoin price");
      assertThat(model.key()).contains("test-key");
    }
  }

  @Test
  void aRefusedKeyIsSaidWithoutTheKey() throws Exception {
    try (ModelStandIn model = ModelStandIn.refusing()) {
      var demo =
          new Demo(
              Map.of("ANTHROPIC_API_KEY", "sk-secret", "ANTHROPIC_BASE_URL", model.baseUrl()),
              step -> {},
              Optional::empty);
      var nowhere = new PrintStream(new ByteArrayOutputStream());

      assertThatThrownBy(() -> demo.run(nowhere, nowhere))
          .isInstanceOf(DemoException.class)
          .hasMessageContaining("401")
          .hasMessageContaining("ANTHROPIC_API_KEY")
          .hasMessageNotContaining("sk-secret");
    }
  }
}
