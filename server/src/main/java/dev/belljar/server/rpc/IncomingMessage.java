package dev.belljar.server.rpc;

import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.charset.MalformedInputException;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.databind.node.POJONode;

/**
 * The text of a message while it arrives in parts. The content of a file is nearly all of a large
 * message; it is decoded as it comes, so that it is held once and as bytes, not as text, as a tree
 * and as bytes. In what JSON's parser gets, a mark that no client can know stands for it.
 *
 * <p>Which strings those are is seen from the outside of them: values of an object's members that
 * begin with a long run of base64's digits. The message means exactly what it would without. Not
 * for several threads.
 */
final class IncomingMessage {
  /**
   * Digits after which a string is decoded; shorter ones are not worth it. A part of a stream has
   * 87,384 mostly.
   */
  static final int LONG = 16 << 10;

  /** What a character of text costs of the heap until it is understood: text, JSON, bytes. */
  private static final int COST = 5;

  private static final SecureRandom RANDOM = new SecureRandom();
  private static final int SECRET_BYTES = 16;

  private final int least;
  private final ChunkedBytes text = new ChunkedBytes();
  private final List<LongBase64> decoded = new ArrayList<>();
  private String secret = "";

  /** What may become a long string; {@link #beginning} says whether it still may. */
  private final ChunkedBytes digits = new ChunkedBytes();

  /** What came last. */
  private byte[] part = {};

  private boolean beginning;
  private boolean decoding;
  private boolean inString;
  private boolean escaped;
  private boolean afterColon;
  private long characters;
  private long bytes;

  IncomingMessage() {
    this(LONG);
  }

  /** A message of which strings are decoded that begin with so many digits. */
  IncomingMessage(int least) {
    this.least = least;
  }

  /** Characters so far, as Java counts them. */
  long characters() {
    return characters;
  }

  /** Heap that is needed to understand what came so far. */
  long cost() {
    long held = decoded.stream().mapToLong(LongBase64::size).sum();
    return (characters - held / 3 * 4) * COST + held + (bytes - characters);
  }

  /** Heap that is needed at most to understand this without decoding anything early. */
  long costOfText() {
    return characters * COST + (bytes - characters);
  }

  /** Takes more of it: UTF-8, cut anywhere. */
  void add(ByteBuffer utf8) {
    if (part.length < utf8.remaining()) {
      part = new byte[utf8.remaining()];
    }
    int length = utf8.remaining();
    utf8.get(part, 0, length);
    bytes += length;
    int at = 0;
    while (at < length) {
      if (!beginning && !decoding) {
        at = addText(at, length);
        continue;
      }
      int end = LongBase64.endOfDigits(part, at, length);
      if (decoding) {
        decoded.getLast().add(part, at, end - at);
      } else {
        digits.add(part, at, end - at);
      }
      characters += end - at;
      at = end;
      if (beginning && digits.size() >= least) {
        decode();
      }
      if (at < length) {
        endDigits();
      }
    }
  }

  /** Up to where a string begins that may be a long one. */
  private int addText(int from, int to) {
    int at = from;
    while (at < to && !beginning) {
      byte b = part[at++];
      if (!inString) {
        if (b == '"') {
          inString = true;
          beginning = afterColon;
          afterColon = false;
        } else if (b != ' ' && b != '\n' && b != '\r' && b != '\t') {
          afterColon = b == ':';
        }
      } else if (escaped) {
        escaped = false;
      } else if (b == '\\') {
        escaped = true;
      } else if (b == '"') {
        inString = false;
      }
    }
    text.add(part, from, at - from);
    count(from, at);
    return at;
  }

  private void count(int from, int to) {
    int counted = 0;
    for (int i = from; i < to; i++) {
      int b = part[i];
      // The first of a character's bytes; four bytes make two characters.
      counted += (b & 0xc0) == 0x80 ? 0 : 1;
      counted += (b & 0xf8) == 0xf0 ? 1 : 0;
    }
    characters += counted;
  }

  private void decode() {
    if (secret.isEmpty()) {
      byte[] random = new byte[SECRET_BYTES];
      RANDOM.nextBytes(random);
      secret = HexFormat.of().formatHex(random);
    }
    byte[] mark =
        (secret + HexFormat.of().toHexDigits(decoded.size())).getBytes(StandardCharsets.US_ASCII);
    text.add(mark, 0, mark.length);
    LongBase64 begun = new LongBase64();
    digits.copyTo(begun::add);
    digits.clear();
    decoded.add(begun);
    beginning = false;
    decoding = true;
  }

  private void endDigits() {
    if (decoding) {
      byte[] rest = decoded.getLast().ungrouped();
      text.add(rest, 0, rest.length);
    } else if (digits.size() > 0) {
      digits.copyTo(text::add);
      digits.clear();
    }
    beginning = false;
    decoding = false;
  }

  /** Whether it is this; for short ones. */
  boolean is(String word) {
    return bytes == word.length()
        && text.size() == bytes
        && new String(firstBytes(word.length()), StandardCharsets.ISO_8859_1).equals(word);
  }

  private byte[] firstBytes(int length) {
    byte[] first = new byte[length];
    int[] filled = {0};
    text.copyTo(
        (from, offset, count) -> {
          System.arraycopy(from, offset, first, filled[0], count);
          filled[0] += count;
        });
    return first;
  }

  /** Whether strings were decoded beside this node of {@link #tree}. */
  boolean hasDecodedMoreThan(JsonNode node) {
    return decoded.size() > (node.isPojo() ? 1 : 0);
  }

  /**
   * What it says; a missing node for nothing. Where a string was decoded, a {@link LongBase64}
   * stands for it.
   *
   * @throws MalformedInputException where it is not UTF-8
   * @throws JacksonException where it is not JSON
   */
  JsonNode tree() throws MalformedInputException {
    if (beginning || decoding) {
      // It ends within a string, and is no JSON.
      endDigits();
    }
    JsonNode tree;
    try (Reader reader =
        new InputStreamReader(text.stream(), StandardCharsets.UTF_8.newDecoder())) {
      tree = Json.MAPPER.readTree(reader);
    } catch (JacksonException e) {
      if (e.getCause() instanceof MalformedInputException malformed) {
        throw malformed;
      }
      throw e;
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
    if (!decoded.isEmpty()) {
      putDecoded(tree);
    }
    return tree;
  }

  private void putDecoded(JsonNode node) {
    replace(
        node,
        value -> {
          if (!value.isString() || !value.stringValue().startsWith(secret)) {
            return value;
          }
          String marked = value.stringValue();
          int end = secret.length() + 2 * Integer.BYTES;
          LongBase64 string = decoded.get(HexFormat.fromHexDigits(marked, secret.length(), end));
          string.endWith(marked.substring(end));
          return Json.NODES.pojoNode(string);
        });
  }

  /** Makes all strings of a tree strings again, but one that may stay what it is. */
  @SuppressWarnings("ReferenceEquality") // It is about a place in the tree.
  static void restoreStrings(JsonNode tree, JsonNode except) {
    replace(
        tree,
        value ->
            value != except
                    && value instanceof POJONode node
                    && node.getPojo() instanceof LongBase64 string
                ? Json.NODES.stringNode(string.text())
                : value);
  }

  private static void replace(JsonNode node, UnaryOperator<JsonNode> replacement) {
    if (node instanceof ObjectNode object) {
      for (Map.Entry<String, JsonNode> member : object.properties()) {
        member.setValue(replacement.apply(member.getValue()));
        replace(member.getValue(), replacement);
      }
    } else if (node.isArray()) {
      node.forEach(item -> replace(item, replacement));
    }
  }
}
