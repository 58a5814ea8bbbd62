package dev.belljar.server.api;

import dev.belljar.ByteSize;
import dev.belljar.EgressLimits;
import dev.belljar.InvalidOptionException;
import dev.belljar.SandboxOptions;
import dev.belljar.Secret;
import dev.belljar.server.sandboxes.RefusedException;
import dev.belljar.server.sandboxes.SandboxRequest;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Reads the header {@code x-deno-sandbox-config}: base64 of JSON that says how a sandbox is made.
 * What this server does not offer is refused, never ignored.
 */
final class CreateConfig {
  static final String HEADER = "x-deno-sandbox-config";

  private static final JsonMapper MAPPER = new JsonMapper();

  /** Of those, {@code region} and {@code debug} change nothing here. */
  private static final Set<String> KNOWN =
      Set.of(
          "stop_at_ms",
          "timeout",
          "memory_mb",
          "labels",
          "env",
          "allow_net",
          "secrets",
          "root",
          "volumes",
          "belljar",
          "region",
          "debug");

  /** Asking for none of them is no asking. */
  private static final Set<String> NOT_OFFERED = Set.of("ssh", "port");

  private static final Set<String> EXTENSIONS =
      Set.of(
          "vcpus",
          "checkpoint",
          "processes",
          "no_net",
          "cwd",
          "connect_to",
          "ca_certificates",
          "egress_limits",
          "secrets_in_body");

  /** The last that JavaScript's dates know. */
  private static final double LATEST_MILLIS = 8.64e15;

  private static final int LONGEST_NAME = 64;

  /** What may be said of a volume that is to be mounted. */
  private static final Set<String> MOUNT = Set.of("volume", "path");

  private static final Pattern TIMEOUT = Pattern.compile("([0-9]{1,9})([sm])");
  private static final int DEFAULT_MEMORY = 1280;

  private final JsonNode root;

  private CreateConfig(JsonNode root) {
    this.root = root;
  }

  /**
   * Reads the header's value; without one, the defaults.
   *
   * @throws RefusedException where it cannot be read, or asks for what is not offered
   */
  static SandboxRequest read(@Nullable String header) {
    JsonNode root = header == null ? MAPPER.createObjectNode() : parse(header);
    if (!root.isObject()) {
      throw invalid("it must be a JSON object");
    }
    CreateConfig config = new CreateConfig(root);
    config.refuseWhatIsNotOffered();
    try {
      return new SandboxRequest(config.options(), config.stopAt());
    } catch (InvalidOptionException e) {
      throw new RefusedException(400, "INVALID_CONFIG", String.valueOf(e.getMessage()), e);
    }
  }

  private static JsonNode parse(String header) {
    byte[] bytes;
    try {
      bytes = Base64.getDecoder().decode(header.strip());
    } catch (IllegalArgumentException e) {
      throw invalid("it must be base64");
    }
    String text;
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      // The JavaScript client encodes characters up to U+00FF as one byte each.
      text = new String(bytes, StandardCharsets.ISO_8859_1);
    }
    try {
      return MAPPER.readTree(text);
    } catch (JacksonException e) {
      throw invalid("it must be JSON");
    }
  }

  /** A member that is not known may be a restriction: without it the sandbox could do too much. */
  private void refuseWhatIsNotOffered() {
    for (String name : root.propertyNames()) {
      JsonNode node = KNOWN.contains(name) ? null : get(name);
      boolean asked =
          node != null
              && !(NOT_OFFERED.contains(name)
                  && ((node.isContainer() && node.isEmpty())
                      || (node.isBoolean() && !node.booleanValue())));
      if (asked) {
        throw new RefusedException(
            501, "NOT_SUPPORTED", "This server does not support '" + shortened(name) + "'.");
      }
    }
  }

  private SandboxOptions.Builder options() {
    SandboxOptions.Builder options = SandboxOptions.builder().local();
    JsonNode region = get("region");
    if (region != null && !region.isString()) {
      throw invalid("'region' must be text");
    }
    JsonNode debug = get("debug");
    if (debug != null && !debug.isBoolean()) {
      throw invalid("'debug' must be true or false");
    }
    options.memory(ByteSize.ofMebibytes(integer(root, "memory_mb", DEFAULT_MEMORY)));
    strings(root, "labels").forEach(options::label);
    options.env(strings(root, "env"));
    JsonNode allowed = get("allow_net");
    if (allowed != null) {
      List<String> patterns = list(root, "allow_net");
      options.allowNet(patterns);
      if (patterns.isEmpty()) {
        options.noNet();
      }
    }
    root(options);
    volumes(options);
    secrets(options);
    extensions(options);
    return options;
  }

  private void root(SandboxOptions.Builder options) {
    JsonNode from = get("root");
    if (from != null) {
      refuseOthers("root", from, Set.of("volume"));
      options.root(reference("root", from.get("volume")));
    }
  }

  /** JavaScript's client sends a list of {@code {volume, path}}, Python's an object by path. */
  private void volumes(SandboxOptions.Builder options) {
    JsonNode volumes = get("volumes");
    if (volumes == null) {
      return;
    }
    if (volumes.isObject()) {
      for (String path : volumes.propertyNames()) {
        options.volume(path, reference("volumes." + shortened(path), volumes.get(path)));
      }
      return;
    }
    if (!volumes.isArray()) {
      throw invalid("'volumes' must be a list");
    }
    for (JsonNode mount : volumes) {
      refuseOthers("volumes", mount, MOUNT);
      JsonNode path = mount.get("path");
      if (path == null || !path.isString()) {
        throw invalid("each of 'volumes' must have a 'path' that is text");
      }
      options.volume(path.stringValue(), reference("volumes", mount.get("volume")));
    }
  }

  private static void refuseOthers(String member, JsonNode node, Set<String> known) {
    if (!node.isObject()) {
      throw invalid("'" + member + "' must name a volume: {\"volume\": …}");
    }
    for (String name : node.propertyNames()) {
      if (!known.contains(name)) {
        throw new RefusedException(
            501,
            "NOT_SUPPORTED",
            "This server does not support '" + member + "." + shortened(name) + "'.");
      }
    }
  }

  private static String reference(String member, @Nullable JsonNode node) {
    return reference(member, "a volume", node);
  }

  private static String reference(String member, String what, @Nullable JsonNode node) {
    if (node == null || !node.isString() || !StorageName.fits(node.stringValue())) {
      throw invalid("'" + member + "' must have the id or slug of " + what);
    }
    return node.stringValue();
  }

  /** No message may hold a value. */
  private void secrets(SandboxOptions.Builder options) {
    JsonNode secrets = has(root, "secrets") ? root.get("secrets") : MAPPER.createObjectNode();
    if (!secrets.isObject()) {
      throw invalid("'secrets' must be an object");
    }
    JsonNode own = get("belljar");
    List<String> inBody = own != null && own.isObject() ? list(own, "secrets_in_body") : List.of();
    for (String name : inBody) {
      if (!secrets.has(name)) {
        throw invalid("'secrets_in_body' names '" + shortened(name) + "', which is no secret");
      }
    }
    for (String name : secrets.propertyNames()) {
      JsonNode secret = secrets.get(name);
      if (!secret.isObject() || !has(secret, "value") || !secret.get("value").isString()) {
        throw invalid("'secrets." + shortened(name) + "' must have a 'value' that is text");
      }
      Secret read = Secret.of(secret.get("value").stringValue(), list(secret, "hosts"));
      options.secret(name, inBody.contains(name) ? read.alsoInBody() : read);
    }
  }

  /** What this server offers beyond the protocol. */
  private void extensions(SandboxOptions.Builder options) {
    JsonNode own = get("belljar");
    if (own == null) {
      return;
    }
    if (!own.isObject()) {
      throw invalid("'belljar' must be an object");
    }
    for (String name : own.propertyNames()) {
      if (!EXTENSIONS.contains(name)) {
        throw new RefusedException(
            501,
            "NOT_SUPPORTED",
            "This server does not support 'belljar." + shortened(name) + "'.");
      }
    }
    if (has(own, "vcpus")) {
      options.vcpus(integer(own, "vcpus", 0));
    }
    if (has(own, "checkpoint")) {
      options.checkpoint(reference("belljar.checkpoint", "a checkpoint", own.get("checkpoint")));
    }
    if (has(own, "processes")) {
      options.processes(integer(own, "processes", 0));
    }
    if (has(own, "no_net")) {
      if (!own.get("no_net").isBoolean()) {
        throw invalid("'no_net' must be true or false");
      }
      if (own.get("no_net").booleanValue()) {
        options.noNet();
      }
    }
    if (has(own, "cwd")) {
      if (!own.get("cwd").isString()) {
        throw invalid("'cwd' must be text");
      }
      options.workingDirectory(own.get("cwd").stringValue());
    }
    if (has(own, "egress_limits")) {
      if (!own.get("egress_limits").isString()) {
        throw invalid("'egress_limits' must be text");
      }
      options.egressLimits(EgressLimits.parse(own.get("egress_limits").stringValue()));
    }
    list(own, "connect_to").forEach(options::connectTo);
    list(own, "ca_certificates").forEach(options::caCertificate);
  }

  private Optional<Instant> stopAt() {
    JsonNode at = get("stop_at_ms");
    if (at != null) {
      return Optional.of(
          millis(at).orElseThrow(() -> invalid("'stop_at_ms' must be a time in milliseconds")));
    }
    JsonNode timeout = get("timeout");
    if (timeout == null || (timeout.isString() && timeout.stringValue().equals("session"))) {
      return Optional.empty();
    }
    Matcher matcher = TIMEOUT.matcher(timeout.isString() ? timeout.stringValue() : "");
    if (!matcher.matches()) {
      throw invalid("'timeout' must be \"session\" or like \"30s\" or \"5m\"");
    }
    long amount = Long.parseLong(matcher.group(1));
    return Optional.of(
        Instant.now()
            .plus(
                matcher.group(2).equals("s")
                    ? Duration.ofSeconds(amount)
                    : Duration.ofMinutes(amount)));
  }

  /** A time in milliseconds of Unix; empty where it is none. */
  static Optional<Instant> millis(JsonNode node) {
    double value = node.isNumber() ? node.doubleValue() : -1;
    return value >= 0 && value <= LATEST_MILLIS
        ? Optional.of(Instant.ofEpochMilli((long) value))
        : Optional.empty();
  }

  private @Nullable JsonNode get(String name) {
    return has(root, name) ? root.get(name) : null;
  }

  private static boolean has(JsonNode node, String name) {
    JsonNode value = node.get(name);
    return value != null && !value.isNull();
  }

  private static int integer(JsonNode node, String name, int otherwise) {
    if (!has(node, name)) {
      return otherwise;
    }
    JsonNode value = node.get(name);
    if (!value.isNumber() || value.doubleValue() != (int) value.doubleValue()) {
      throw invalid("'" + name + "' must be a whole number");
    }
    return (int) value.doubleValue();
  }

  private static Map<String, String> strings(JsonNode node, String name) {
    if (!has(node, name)) {
      return Map.of();
    }
    JsonNode value = node.get(name);
    if (!value.isObject()) {
      throw invalid("'" + name + "' must be an object of texts");
    }
    Map<String, String> map = new LinkedHashMap<>();
    for (String key : value.propertyNames()) {
      JsonNode text = value.get(key);
      if (!text.isString()) {
        throw invalid("'" + name + "." + shortened(key) + "' must be text");
      }
      map.put(key, text.stringValue());
    }
    return map;
  }

  private static List<String> list(JsonNode node, String name) {
    if (!has(node, name)) {
      return List.of();
    }
    JsonNode value = node.get(name);
    List<String> list = new ArrayList<>();
    if (!value.isArray()) {
      throw invalid("'" + name + "' must be a list of texts");
    }
    for (JsonNode item : value) {
      if (!item.isString()) {
        throw invalid("'" + name + "' must be a list of texts");
      }
      list.add(item.stringValue());
    }
    return list;
  }

  private static String shortened(String name) {
    return name.length() <= LONGEST_NAME ? name : name.substring(0, LONGEST_NAME) + "…";
  }

  private static RefusedException invalid(String what) {
    return new RefusedException(
        400, "INVALID_CONFIG", "The sandbox's configuration is wrong: " + what + ".");
  }
}
