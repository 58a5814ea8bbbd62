package dev.belljar.server;

import dev.belljar.ByteSize;
import dev.belljar.EgressLimits;
import dev.belljar.InvalidOptionException;
import dev.belljar.PoolOptions;
import dev.belljar.PoolOptions.Size;
import dev.belljar.SandboxOptions.ConnectTo;
import dev.belljar.server.sandboxes.Limits;
import dev.belljar.server.store.StoreConfig;
import dev.belljar.server.store.TokenRecord;
import dev.belljar.spi.StorageLimits;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.toml.TomlMapper;

/**
 * Reads a server's configuration from a file in TOML; docs/operations.md says what may be in it.
 * What is not known is refused: a limit with a slip in its name would be none.
 */
public final class ServerConfigFile {
  /** Where the database's password may come from instead. */
  public static final String PASSWORD_VARIABLE = "BELLJAR_DATABASE_PASSWORD";

  private static final Pattern DURATION = Pattern.compile("(\\d{1,9})(s|m|h|d)");
  private static final Pattern ADDRESS = Pattern.compile("(\\[[^\\]]+]|[^:\\[\\]]+):(\\d{1,5})");

  private final Path file;
  private final JsonNode root;

  private ServerConfigFile(Path file, JsonNode root) {
    this.file = file;
    this.root = root;
  }

  /**
   * Reads a file over the defaults.
   *
   * @param defaults what holds where the file says nothing
   * @param environment of this process
   * @throws InvalidOptionException where it cannot be read, or says something that cannot be
   */
  public static ServerConfig read(
      Path file, ServerConfig defaults, Map<String, String> environment) {
    try {
      JsonNode root = new TomlMapper().readTree(Files.readString(file));
      return new ServerConfigFile(file, root).over(defaults, environment);
    } catch (IOException e) {
      throw new InvalidOptionException("The configuration cannot be read: " + e, e);
    } catch (JacksonException e) {
      throw new InvalidOptionException(
          file + " is not TOML: " + e.getOriginalMessage() + where(e), e);
    } catch (IllegalArgumentException e) {
      throw new InvalidOptionException(file + ": " + e.getMessage(), e);
    }
  }

  private static String where(JacksonException failure) {
    return failure.getLocation() == null ? "" : ", line " + failure.getLocation().getLineNr();
  }

  /** An address to listen on: {@code HOST:PORT}, IPv6 in brackets. */
  public static ServerConfig listen(ServerConfig config, String address) {
    Matcher matcher = ADDRESS.matcher(address);
    if (!matcher.matches()) {
      throw new InvalidOptionException(
          "'" + address + "' is not HOST:PORT, for example 127.0.0.1:8460 or [::1]:8460.");
    }
    String host = matcher.group(1);
    return config.at(
        host.startsWith("[") ? host.substring(1, host.length() - 1) : host,
        Integer.parseInt(matcher.group(2)));
  }

  private ServerConfig over(ServerConfig defaults, Map<String, String> environment) {
    only(
        root,
        "",
        Set.of(
            "listen",
            "drain",
            "retention",
            "volume_grace",
            "tls",
            "database",
            "limits",
            "organizations",
            "connect_to",
            "ca_certificates",
            "pool"));
    ServerConfig config = defaults;
    if (root.has("listen")) {
      config = listen(config, text(root, "listen"));
    }
    Limits limits = limits(root.path("limits"), "limits", config.limits());
    Map<String, Limits> organizations = new LinkedHashMap<>();
    JsonNode named = table(root, "organizations");
    for (String name : named.propertyNames()) {
      if (!TokenRecord.isOrganization(name)) {
        throw new InvalidOptionException(
            file
                + ": '[organizations."
                + name
                + "]' names no organization: those have 1 to 63 of the characters a-z, 0-9 and -.");
      }
      organizations.put(name, limits(named.get(name), "organizations." + name, limits));
    }
    return new ServerConfig(
        config.host(),
        config.port(),
        config.data(),
        database(config.store(), environment),
        tls().or(defaults::tls),
        limits,
        organizations,
        duration(root, "drain", config.drain()),
        duration(root, "retention", config.retention()),
        duration(root, "volume_grace", config.volumeGrace()),
        root.has("connect_to")
            ? texts("connect_to").stream().map(ConnectTo::parse).toList()
            : config.connectTo(),
        root.has("ca_certificates") ? certificates() : config.caCertificates(),
        root.has("pool") ? pool(table(root, "pool")) : config.pool());
  }

  /** Of the default size, unless it names others. */
  private Optional<PoolOptions> pool(JsonNode pool) {
    only(pool, "pool.", Set.of("minimum", "maximum", "longest_wait", "deno", "sizes"));
    PoolOptions usual = PoolOptions.DEFAULT;
    Size standard = usual.sizes().getFirst();
    int maximum = whole(pool, "pool", "maximum", standard.maximum());
    List<Size> sizes = new ArrayList<>();
    if (maximum > 0) {
      int minimum = Math.min(maximum, standard.minimum());
      sizes.add(
          new Size(
              standard.memory(),
              standard.vcpus(),
              whole(pool, "pool", "minimum", minimum),
              maximum));
    }
    JsonNode others = table(pool, "sizes");
    for (String memory : others.propertyNames()) {
      sizes.add(size(memory, others.get(memory), standard));
    }
    return sizes.isEmpty()
        ? Optional.empty()
        : Optional.of(
            new PoolOptions(
                sizes,
                duration(pool, "longest_wait", usual.longestWait()),
                yes(pool, "deno", usual.deno())));
  }

  private Size size(String memory, JsonNode node, Size standard) {
    String name = "pool.sizes." + memory;
    if (!node.isObject()) {
      throw wrong(name, "a table");
    }
    only(node, name + ".", Set.of("vcpus", "minimum", "maximum"));
    return new Size(
        ByteSize.parse(memory),
        whole(node, name, "vcpus", standard.vcpus()),
        whole(node, name, "minimum", 1),
        whole(node, name, "maximum", standard.maximum()));
  }

  private List<String> certificates() {
    List<String> certificates = new ArrayList<>();
    for (String path : texts("ca_certificates")) {
      try {
        certificates.add(Files.readString(beside(path)));
      } catch (IOException e) {
        throw new InvalidOptionException(file + ": '" + path + "' cannot be read: " + e, e);
      }
    }
    return certificates;
  }

  private List<String> texts(String name) {
    List<String> texts = new ArrayList<>();
    JsonNode list = root.get(name);
    if (!list.isArray()) {
      throw wrong(name, "a list of texts");
    }
    for (JsonNode item : list) {
      if (!item.isString()) {
        throw wrong(name, "a list of texts");
      }
      texts.add(item.stringValue());
    }
    return texts;
  }

  private Optional<ServerConfig.Tls> tls() {
    if (!root.has("tls")) {
      return Optional.empty();
    }
    JsonNode tls = table(root, "tls");
    only(tls, "tls.", Set.of("certificate", "key"));
    return Optional.of(
        new ServerConfig.Tls(beside(text(tls, "certificate")), beside(text(tls, "key"))));
  }

  /** Paths are relative to the file that names them. */
  private Path beside(String path) {
    return file.toAbsolutePath().resolveSibling(path);
  }

  private StoreConfig database(StoreConfig otherwise, Map<String, String> environment) {
    if (!root.has("database")) {
      return otherwise;
    }
    JsonNode database = table(root, "database");
    only(database, "database.", Set.of("url", "user", "password"));
    String password = environment.get(PASSWORD_VARIABLE);
    if (password == null) {
      password = database.has("password") ? text(database, "password") : "";
    }
    return new StoreConfig(
        text(database, "url"), database.has("user") ? text(database, "user") : "", password);
  }

  private Limits limits(JsonNode node, String name, Limits otherwise) {
    if (node.isMissingNode()) {
      return otherwise;
    }
    if (!node.isObject()) {
      throw wrong(name, "a table");
    }
    only(node, name + ".", Set.of("sandboxes", "memory", "lifetime", "egress", "storage", "disks"));
    int sandboxes = whole(node, name, "sandboxes", otherwise.sandboxes());
    int memory = otherwise.memoryMib();
    if (node.has("memory")) {
      memory =
          (int) Math.min(ByteSize.parse(text(node, "memory")).bytes() >> 20, Integer.MAX_VALUE);
    }
    EgressLimits egress =
        node.has("egress") ? EgressLimits.parse(text(node, "egress")) : otherwise.egress();
    StorageLimits storage =
        new StorageLimits(
            node.has("storage")
                ? ByteSize.parse(text(node, "storage"))
                : otherwise.storage().capacity(),
            whole(node, name, "disks", otherwise.storage().disks()));
    return new Limits(
        sandboxes, memory, duration(node, "lifetime", otherwise.lifetime()), egress, storage);
  }

  private boolean yes(JsonNode node, String name, boolean otherwise) {
    if (!node.has(name)) {
      return otherwise;
    }
    if (!node.get(name).isBoolean()) {
      throw wrong(name, "true or false");
    }
    return node.get(name).booleanValue();
  }

  private int whole(JsonNode node, String table, String name, int otherwise) {
    if (!node.has(name)) {
      return otherwise;
    }
    if (!node.get(name).isInt()) {
      throw wrong(table + "." + name, "a whole number");
    }
    return node.get(name).intValue();
  }

  private Duration duration(JsonNode node, String name, Duration otherwise) {
    if (!node.has(name)) {
      return otherwise;
    }
    Matcher matcher = DURATION.matcher(text(node, name));
    if (!matcher.matches()) {
      throw wrong(name, "a time like \"30s\", \"5m\", \"2h\" or \"7d\"");
    }
    long amount = Long.parseLong(matcher.group(1));
    return switch (matcher.group(2)) {
      case "s" -> Duration.ofSeconds(amount);
      case "m" -> Duration.ofMinutes(amount);
      case "h" -> Duration.ofHours(amount);
      default -> Duration.ofDays(amount);
    };
  }

  private JsonNode table(JsonNode node, String name) {
    JsonNode table = node.path(name);
    if (!table.isObject() && !table.isMissingNode()) {
      throw wrong(name, "a table");
    }
    return table;
  }

  private String text(JsonNode node, String name) {
    JsonNode value = node.path(name);
    if (!value.isString()) {
      throw wrong(name, "text");
    }
    return value.stringValue();
  }

  private void only(JsonNode node, String prefix, Set<String> known) {
    for (String name : node.propertyNames()) {
      if (!known.contains(name)) {
        throw new InvalidOptionException(
            file
                + ": '"
                + prefix
                + name
                + "' is not known. Known are "
                + String.join(", ", known.stream().sorted().toList())
                + ".");
      }
    }
  }

  private InvalidOptionException wrong(String name, String what) {
    return new InvalidOptionException(file + ": '" + name + "' must be " + what + ".");
  }
}
