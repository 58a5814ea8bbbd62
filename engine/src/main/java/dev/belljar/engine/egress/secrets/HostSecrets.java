package dev.belljar.engine.egress.secrets;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.belljar.engine.egress.http.MessageHead;
import dev.belljar.engine.egress.http.MessageHead.Field;
import dev.belljar.engine.egress.http.Request;
import dev.belljar.engine.egress.secrets.Replacement.Pair;
import dev.belljar.engine.egress.secrets.SandboxSecrets.Held;
import dev.belljar.engine.streams.ReadAhead;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.Semaphore;
import java.util.function.UnaryOperator;

/** The secrets that one connection may carry: placeholders out, values back in. */
public final class HostSecrets {
  /** Values that are shorter stand in responses by chance. */
  private static final int SHORTEST_ECHO = 8;

  private static final int HELD_BODY = 1 << 20;
  private static final Set<String> CREDENTIALS = Set.of("authorization", "proxy-authorization");

  private final List<Held> held;
  private final List<Held> all;
  private final Credentials credentials;
  private final Semaphore requestsHeld;
  private final Semaphore responsesHeld;
  private final Set<String> used = new ConcurrentSkipListSet<>();
  private Replacement back = new Replacement(List.of());
  private int credentialsInBack = -1;

  /**
   * For one connection.
   *
   * @param held what may be put into its requests
   * @param all what may not be in its responses
   */
  HostSecrets(
      List<Held> held,
      List<Held> all,
      Credentials credentials,
      Semaphore requestsHeld,
      Semaphore responsesHeld) {
    this.held = held;
    this.all = all;
    this.credentials = credentials;
    this.requestsHeld = requestsHeld;
    this.responsesHeld = responsesHeld;
  }

  /** The names of those that were put into requests. */
  public Collection<String> used() {
    return used;
  }

  /** How many more bodies of requests the sandbox may have held. */
  public Semaphore requestsHeld() {
    return requestsHeld;
  }

  /** How many more bodies of responses the sandbox may have held. */
  public Semaphore responsesHeld() {
    return responsesHeld;
  }

  // Out.

  /** A request with values in its URL and its header fields. */
  public Request outgoing(Request request) {
    String target = put(request.target(), HostSecrets::urlEncoded);
    List<Field> fields = new ArrayList<>();
    for (Field field : request.head().fields()) {
      // Packed answers could not be looked into, and half a value is not recognized.
      if (!field.is("Accept-Encoding") && !field.is("Range") && !field.is("If-Range")) {
        fields.add(new Field(field.name(), put(field)));
      }
    }
    fields.add(new Field("Accept-Encoding", "identity"));
    return request.withTarget(target).with(new MessageHead("", fields));
  }

  /** How many bytes of a request's body are to be held, so that values can be put into it. */
  public int heldBody(Request request) {
    boolean plain = request.head().words("Content-Encoding").stream().allMatch("identity"::equals);
    return plain && held.stream().anyMatch(Held::inBody) ? HELD_BODY : 0;
  }

  /** A body with values in it, encoded as the request says that it is. */
  public byte[] outgoingBody(Request request, byte[] body) {
    String type =
        request.head().all("Content-Type").stream().findFirst().orElse("").toLowerCase(Locale.ROOT);
    UnaryOperator<byte[]> encoding =
        type.startsWith("application/x-www-form-urlencoded")
            ? HostSecrets::urlEncoded
            : type.contains("json") ? HostSecrets::jsonEscaped : UnaryOperator.identity();
    List<Pair> pairs = new ArrayList<>();
    for (Held secret : held) {
      if (secret.inBody()) {
        pairs.add(new Pair(ascii(secret.placeholder()), encoding.apply(secret.value())));
        if (contains(body, ascii(secret.placeholder()))) {
          used.add(secret.name());
        }
      }
    }
    return new Replacement(pairs).apply(body);
  }

  private String put(Field field) {
    if (CREDENTIALS.contains(field.name().toLowerCase(Locale.ROOT))) {
      Optional<String> basic = basic(field.value());
      if (basic.isPresent()) {
        return basic.get();
      }
    }
    return put(field.value(), UnaryOperator.identity());
  }

  /** Basic credentials (RFC 7617) hide a placeholder in base64. */
  private Optional<String> basic(String value) {
    int space = value.indexOf(' ');
    if (space < 0 || !value.substring(0, space).equalsIgnoreCase("Basic")) {
      return Optional.empty();
    }
    String encoded = value.substring(space + 1).strip();
    try {
      String plain = new String(Base64.getDecoder().decode(encoded), ISO_8859_1);
      String changed = put(plain, UnaryOperator.identity());
      if (changed.equals(plain)) {
        return Optional.empty();
      }
      String result = Base64.getEncoder().encodeToString(changed.getBytes(ISO_8859_1));
      return credentials.keep(new Pair(ascii(result), ascii(encoded)))
          ? Optional.of("Basic " + result)
          : Optional.empty();
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  private String put(String text, UnaryOperator<byte[]> encoding) {
    String result = text;
    if (text.contains(SandboxSecrets.PREFIX)) {
      for (Held secret : held) {
        if (result.contains(secret.placeholder())) {
          used.add(secret.name());
          result =
              result.replace(
                  secret.placeholder(), new String(encoding.apply(secret.value()), ISO_8859_1));
        }
      }
    }
    return result;
  }

  // Back.

  /** Text of a response's head, without values. */
  public String incoming(String text) {
    return new String(back().apply(text.getBytes(ISO_8859_1)), ISO_8859_1);
  }

  /** The whole body of a response, without values. */
  public byte[] incoming(byte[] body) {
    return back().apply(body);
  }

  /** The body of a response as it comes, without values. */
  public InputStream incoming(ReadAhead body) {
    return back().apply(body);
  }

  private synchronized Replacement back() {
    List<Pair> pairs = new ArrayList<>(credentials.sent());
    if (pairs.size() == credentialsInBack) {
      return back;
    }
    credentialsInBack = pairs.size();
    for (Held secret : all) {
      if (secret.value().length >= SHORTEST_ECHO) {
        byte[] placeholder = ascii(secret.placeholder());
        for (byte[] form :
            List.of(jsonEscaped(secret.value()), urlEncoded(secret.value()), secret.value())) {
          if (pairs.stream().noneMatch(pair -> Arrays.equals(pair.from(), form))) {
            pairs.add(new Pair(form, placeholder));
          }
        }
      }
    }
    back = new Replacement(pairs);
    return back;
  }

  private static boolean contains(byte[] bytes, byte[] wanted) {
    return new String(bytes, ISO_8859_1).contains(new String(wanted, ISO_8859_1));
  }

  private static byte[] ascii(String text) {
    return text.getBytes(US_ASCII);
  }

  private static byte[] urlEncoded(byte[] value) {
    StringBuilder text = new StringBuilder();
    for (byte b : value) {
      boolean unreserved =
          (b >= '0' && b <= '9')
              || (b >= 'A' && b <= 'Z')
              || (b >= 'a' && b <= 'z')
              || "-._~".indexOf(b) >= 0;
      text.append(unreserved ? String.valueOf((char) b) : String.format("%%%02X", b));
    }
    return ascii(text.toString());
  }

  private static byte[] jsonEscaped(byte[] value) {
    StringBuilder text = new StringBuilder();
    for (byte b : value) {
      if (b == '"' || b == '\\') {
        text.append('\\');
      }
      text.append((char) (b & 0xff));
    }
    return text.toString().getBytes(ISO_8859_1);
  }
}
