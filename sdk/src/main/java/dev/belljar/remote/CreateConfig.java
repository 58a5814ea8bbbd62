package dev.belljar.remote;

import dev.belljar.SandboxOptions;
import dev.belljar.SandboxOptions.ConnectTo;
import dev.belljar.Secret;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What the protocol says of a sandbox to be made.
 *
 * @param json the configuration
 * @param stopAt when it is to end; {@link Instant#MAX} with its session
 * @param extensions the options in it that only Belljar's server understands
 */
record CreateConfig(ObjectNode json, Instant stopAt, List<String> extensions) {

  static CreateConfig of(SandboxOptions options) {
    ObjectNode json = Json.object().put("memory_mb", options.memory().bytes() >> 20);
    Optional<Instant> stopAt = options.timeout().map(lifetime -> Instant.now().plus(lifetime));
    stopAt.ifPresent(time -> json.put("stop_at_ms", time.toEpochMilli()));
    if (!options.labels().isEmpty()) {
      json.set("labels", Json.object(options.labels()));
    }
    if (!options.allowNet().isEmpty()) {
      json.set("allow_net", Json.array(options.allowNet()));
    }
    if (!options.secrets().isEmpty()) {
      ObjectNode secrets = json.putObject("secrets");
      options.secrets().forEach((name, secret) -> secrets.set(name, secret(secret)));
    }
    options.root().ifPresent(root -> json.putObject("root").put("volume", root));
    if (!options.volumes().isEmpty()) {
      ArrayNode volumes = json.putArray("volumes");
      options
          .volumes()
          .forEach((path, volume) -> volumes.addObject().put("volume", volume).put("path", path));
    }
    ObjectNode belljar = Json.object();
    List<String> extensions = extend(belljar, options);
    if (!extensions.isEmpty()) {
      json.set("belljar", belljar);
    }
    return new CreateConfig(json, stopAt.orElse(Instant.MAX), extensions);
  }

  private static List<String> extend(ObjectNode json, SandboxOptions options) {
    SandboxOptions defaults = SandboxOptions.builder().local().build();
    List<String> names = new ArrayList<>();
    if (options.vcpus() != defaults.vcpus()) {
      names.add("vcpus");
      json.put("vcpus", options.vcpus());
    }
    if (options.checkpoint().isPresent()) {
      names.add("checkpoint");
      json.put("checkpoint", options.checkpoint().get());
    }
    if (options.noNet()) {
      names.add("noNet");
      json.put("no_net", true);
    }
    if (!options.connectTo().isEmpty()) {
      names.add("connectTo");
      json.set(
          "connect_to", Json.array(options.connectTo().stream().map(CreateConfig::text).toList()));
    }
    if (options.secrets().values().stream().anyMatch(Secret::inBody)) {
      names.add("secrets in bodies");
      json.set(
          "secrets_in_body",
          Json.array(
              options.secrets().entrySet().stream()
                  .filter(entry -> entry.getValue().inBody())
                  .map(Map.Entry::getKey)
                  .toList()));
    }
    if (!options.egressLimits().equals(defaults.egressLimits())) {
      names.add("egressLimits");
      json.put("egress_limits", options.egressLimits().toString());
    }
    if (!options.caCertificates().isEmpty()) {
      names.add("caCertificate");
      json.set("ca_certificates", Json.array(options.caCertificates()));
    }
    if (options.processes() != defaults.processes()) {
      names.add("processes");
      json.put("processes", options.processes());
    }
    if (!options.workingDirectory().equals(defaults.workingDirectory())) {
      names.add("workingDirectory");
      json.put("cwd", options.workingDirectory());
    }
    return names;
  }

  private static ObjectNode secret(Secret secret) {
    ObjectNode node = Json.object();
    node.set("hosts", Json.array(secret.hosts()));
    return node.put("value", new String(secret.value(), StandardCharsets.UTF_8));
  }

  private static String text(ConnectTo redirection) {
    return bracketed(redirection.host())
        + ":"
        + redirection.port()
        + ":"
        + bracketed(redirection.address())
        + ":"
        + redirection.addressPort();
  }

  private static String bracketed(String host) {
    return host.contains(":") ? "[" + host + "]" : host;
  }
}
