package dev.belljar.bench;

import dev.belljar.engine.vmm.HostTools;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What runs programs natively: the alternatives to the runtimes in the image. */
final class HostRuntimes {
  private static final String VERSIONS = "/dev/belljar/guest/image/versions";

  private HostRuntimes() {}

  /** Caches and home in the scratch directory, so that nothing is written elsewhere. */
  static Map<String, String> env(Path scratch) {
    return Map.of(
        "DENO_DIR", scratch.resolve("deno").toString(),
        "DENO_NO_UPDATE_CHECK", "1",
        "HOME", scratch.toString());
  }

  /** The very Deno that the image has, installed by npm below {@code bench/target} once. */
  static Optional<Path> deno(Workbench bench) throws IOException, InterruptedException {
    List<String> version = denoVersion();
    String npmPackage = version.get(1);
    Path directory = bench.target().resolve("deno-" + version.get(2));
    Path binary = directory.resolve("node_modules").resolve(npmPackage).resolve("deno");
    if (Files.isExecutable(binary)) {
      return Optional.of(binary);
    }
    Optional<Path> npm = HostTools.locate("npm");
    if (npm.isEmpty()) {
      bench.notes().add("Deno is not measured natively: npm, which installs it, is missing.");
      return Optional.empty();
    }
    Files.createDirectories(directory);
    HostCommand.of(
            npm.get().toString(),
            "install",
            "--no-audit",
            "--no-fund",
            "--no-save",
            "--prefix",
            directory.toString(),
            npmPackage + "@" + version.get(2))
        .run();
    if (!Files.isExecutable(binary)) {
      throw new IOException("npm installed " + npmPackage + ", and there is no " + binary);
    }
    return Optional.of(binary);
  }

  static Optional<Path> node() {
    return HostTools.locate("node");
  }

  /** The system's own rather than the wrapper script of a version switcher on PATH. */
  static Optional<Path> python() {
    Path system = Path.of("/usr/bin/python3");
    return Files.isExecutable(system) ? Optional.of(system) : HostTools.locate("python3");
  }

  /** The line of the recipe: name in the guest, npm package, version, integrity. */
  private static List<String> denoVersion() throws IOException {
    try (InputStream in = HostRuntimes.class.getResourceAsStream(VERSIONS)) {
      if (in == null) {
        throw new IOException("There is no " + VERSIONS + " on the class path.");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .map(line -> List.of(line.split(" ")))
          .filter(words -> words.getFirst().equals("deno") && words.size() >= 3)
          .findFirst()
          .orElseThrow(() -> new IOException(VERSIONS + " does not name Deno."));
    }
  }
}
