package dev.belljar.bench;

import dev.belljar.Isolation;
import dev.belljar.Sandbox;
import dev.belljar.engine.vmm.HostTools;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** What the figures were measured on; without it they mean nothing. */
final class MachineFacts {
  private final Map<String, String> facts = new LinkedHashMap<>();

  private MachineFacts() {}

  /** Looks at this host. Begins with its load: the rest, and what follows, adds to it. */
  static MachineFacts gather() throws IOException {
    MachineFacts gathered = new MachineFacts();
    Map<String, String> facts = gathered.facts;
    String load = Files.readString(Path.of("/proc/loadavg")).strip();
    facts.put("when", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    facts.put("processor", firstOf(Path.of("/proc/cpuinfo"), "model name"));
    facts.put("cores", Integer.toString(Runtime.getRuntime().availableProcessors()));
    facts.put("memory", firstOf(Path.of("/proc/meminfo"), "MemTotal"));
    facts.put("kernel", System.getProperty("os.version"));
    facts.put("QEMU", version("qemu-system-x86_64"));
    facts.put("bubblewrap", version("bwrap"));
    facts.put("gVisor", version("runsc"));
    facts.put("podman", version("podman"));
    facts.put("docker", version("docker"));
    facts.put("node on the host", HostRuntimes.node().map(HostTools::versionOf).orElse("none"));
    facts.put(
        "python3 on the host", HostRuntimes.python().map(HostTools::versionOf).orElse("none"));
    facts.put("JDK", System.getProperty("java.vm.name") + " " + Runtime.version());
    facts.put("load average at start (1, 5, 15 min)", load.split(" [^ ]*/", -1)[0]);
    return gathered;
  }

  /** Adds what only a sandbox knows. */
  void addOf(Sandbox sandbox) {
    Isolation isolation = sandbox.isolation();
    facts.put(
        "accelerator",
        isolation.accelerator() + (isolation.hardware() ? "" : " (software emulation)"));
    facts.put("image", isolation.image());
  }

  void add(String name, String value) {
    facts.put(name, value);
  }

  Map<String, String> asMap() {
    return new LinkedHashMap<>(facts);
  }

  private static String version(String program) {
    Optional<Path> path = HostTools.locate(program);
    return path.map(HostTools::versionOf).orElse("none");
  }

  private static String firstOf(Path file, String key) throws IOException {
    try (Stream<String> lines = Files.lines(file)) {
      return lines
          .filter(line -> line.startsWith(key))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse("unknown");
    }
  }
}
