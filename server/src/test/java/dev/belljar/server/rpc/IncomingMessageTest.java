package dev.belljar.server.rpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

class IncomingMessageTest {
  /** So few digits that strings of every kind are decoded. */
  private static final int LEAST = 12;

  private static final int ROUNDS = 20_000;
  private static final JsonNode NOTHING = Json.NODES.missingNode();

  /** Made of what matters to reading: digits in all places, escapes, quotes, other characters. */
  private static String value(Random random, int depth) {
    return switch (random.nextInt(depth > 3 ? 5 : 9)) {
      case 0 -> String.valueOf(random.nextInt());
      case 1 -> random.nextBoolean() ? "null" : "true";
      case 2, 3, 4 -> string(random);
      case 5 -> {
        StringBuilder array = new StringBuilder("[");
        for (int i = random.nextInt(4); i > 0; i--) {
          array.append(space(random)).append(value(random, depth + 1)).append(i > 1 ? "," : "");
        }
        yield array.append("]").toString();
      }
      default -> {
        StringBuilder object = new StringBuilder("{");
        for (int i = random.nextInt(5); i > 0; i--) {
          object
              .append(random.nextInt(4) == 0 ? "\"content\"" : string(random))
              .append(space(random))
              .append(":")
              .append(space(random))
              .append(value(random, depth + 1))
              .append(i > 1 ? "," : "");
        }
        yield object.append("}").toString();
      }
    };
  }

  private static String space(Random random) {
    return random.nextInt(3) == 0 ? " \n\t\r".substring(random.nextInt(4)) : "";
  }

  private static String string(Random random) {
    String[] parts = {
      "",
      "=",
      "==",
      "\\\"",
      "\\\\",
      "\\/",
      "\\n",
      "\\u0041",
      ":",
      "\\\\\\\"",
      "é",
      "😀",
      "漢",
      " ",
      "-",
      "{\\\""
    };
    StringBuilder string = new StringBuilder("\"");
    for (int i = random.nextInt(4); i > 0; i--) {
      string.append(parts[random.nextInt(parts.length)]);
      if (random.nextBoolean()) {
        string.append(digits(random, random.nextInt(60)));
      }
    }
    return string.append("\"").toString();
  }

  private static String digits(Random random, int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return Base64.getEncoder().encodeToString(bytes).substring(0, length);
  }

  private static IncomingMessage cut(byte[] text, Random random) {
    IncomingMessage message = new IncomingMessage(LEAST);
    int most = 1 + random.nextInt(40);
    for (int at = 0; at < text.length; ) {
      int length = Math.min(text.length - at, random.nextInt(most + 1));
      message.add(ByteBuffer.wrap(text, at, length));
      at += length;
    }
    return message;
  }

  @Test
  void aMessageSaysWhatItsWholeTextSays() throws IOException {
    Random random = new Random(1);
    int decoded = 0;
    for (int round = 0; round < ROUNDS; round++) {
      String text = value(random, 0);
      if (random.nextBoolean()) {
        text = "{\"params\":" + text + ",\"more\":" + string(random) + "}";
      }
      IncomingMessage message = cut(text.getBytes(StandardCharsets.UTF_8), random);
      JsonNode tree = message.tree();
      if (message.hasDecodedMoreThan(NOTHING)) {
        decoded++;
      }
      if (tree.isPojo()) {
        throw new AssertionError("Only members are decoded: " + text);
      }
      IncomingMessage.restoreStrings(tree, NOTHING);
      assertThat(tree).as(text).isEqualTo(Json.MAPPER.readTree(text));
      assertThat(message.characters()).isEqualTo(text.length());
    }
    assertThat(decoded).isGreaterThan(ROUNDS / 100);
  }

  @Test
  void whatIsNoJsonStaysNone() throws CharacterCodingException {
    Random random = new Random(2);
    for (int round = 0; round < ROUNDS; round++) {
      StringBuilder text = new StringBuilder(value(random, 0));
      for (int i = random.nextInt(3); i >= 0 && !text.isEmpty(); i--) {
        int at = random.nextInt(text.length());
        switch (random.nextInt(3)) {
          case 0 -> text.deleteCharAt(at);
          case 1 -> text.insert(at, "\"\\:,{}[]x\n".charAt(random.nextInt(10)));
          default -> text.setLength(at);
        }
      }
      byte[] bytes = text.toString().replaceAll("\\p{Cs}", "?").getBytes(StandardCharsets.UTF_8);
      IncomingMessage message = cut(bytes, random);
      JsonNode expected;
      try {
        expected = Json.MAPPER.readTree(new String(bytes, StandardCharsets.UTF_8));
      } catch (JacksonException e) {
        assertThatThrownBy(message::tree).as(text.toString()).isInstanceOf(JacksonException.class);
        continue;
      }
      JsonNode tree = message.tree();
      IncomingMessage.restoreStrings(tree, NOTHING);
      assertThat(tree).as(text.toString()).isEqualTo(expected);
    }
  }

  @Test
  void bytesAreThoseOfTheWholeString() throws Exception {
    Random random = new Random(3);
    String[] ends = {
      "", "", "=", "==", "A", "AA=", "AA==", "AAA=", "AA==AA==", "-", "\\u0041", " "
    };
    for (int round = 0; round < ROUNDS; round++) {
      String content = digits(random, random.nextInt(100)) + ends[random.nextInt(ends.length)];
      String text = "{\"content\":\"" + content + "\"}";
      JsonNode tree = cut(text.getBytes(StandardCharsets.UTF_8), random).tree();
      Params decoded = Params.of(tree);
      Params whole = Params.of(Json.MAPPER.readTree(text));
      byte[] bytes = decoded.stream("content").readAllBytes();
      assertThat(bytes).as(content).isEqualTo(whole.bytes("content"));
      boolean wrong = false;
      try {
        whole.check();
      } catch (InvalidParamsException e) {
        wrong = true;
        assertThatThrownBy(decoded::check)
            .as(content)
            .isInstanceOfSatisfying(
                InvalidParamsException.class,
                thrown -> assertThat(thrown.data()).isEqualTo(e.data()));
      }
      if (!wrong) {
        decoded.check();
      }
    }
  }

  @Test
  void aStringThatWasDecodedCostsAsMuchAsItsBytes() throws IOException {
    byte[] content = new byte[10 << 20];
    String text =
        "{\"content\":\"" + Base64.getEncoder().encodeToString(content) + "\",\"more\":1}";
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    IncomingMessage message = new IncomingMessage();
    for (int at = 0; at < bytes.length; at += 64 << 10) {
      message.add(ByteBuffer.wrap(bytes, at, Math.min(bytes.length - at, 64 << 10)));
    }
    assertThat(message.cost()).isBetween((long) content.length, content.length + 1000L);
    assertThat(message.costOfText()).isEqualTo(text.length() * 5L);
    JsonNode tree = message.tree();
    assertThat(message.hasDecodedMoreThan(tree.get("content"))).isFalse();
    assertThat(Params.of(tree).stream("content").readAllBytes()).isEqualTo(content);
  }

  @ParameterizedTest
  @ValueSource(strings = {"c328", "22eda08022", "22c0af22", "22e282", "ff", "22f4908080"})
  void whatIsNotUtf8IsRefused(String hex) {
    byte[] bytes = java.util.HexFormat.of().parseHex(hex);
    IncomingMessage message = new IncomingMessage();
    message.add(ByteBuffer.wrap(bytes));
    assertThatThrownBy(message::tree).isInstanceOf(CharacterCodingException.class);
  }
}
