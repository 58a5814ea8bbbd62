package dev.belljar.bench;

import dev.belljar.engine.image.ImageStore;
import dev.belljar.engine.storage.Directories;
import dev.belljar.engine.storage.FileTree;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Setting up a host that has nothing yet, in a cache directory and a program of its own. Once. */
final class ImageBuild implements Subject {
  private static final double TARGET_SECONDS = 300;

  @Override
  public String name() {
    return "image";
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    // Below the target directory and not in /tmp, which may be too small or in memory.
    Files.createDirectories(bench.target());
    Path cache = Files.createTempDirectory(bench.target(), "cache-");
    try {
      long began = System.nanoTime();
      Process process = start(cache);
      try {
        double image = awaitImage(process, new ImageStore(new Directories(cache)), began);
        int code = process.waitFor();
        if (code != 0) {
          throw new IOException("Setting up ended with exit code " + code + "; it says why above.");
        }
        double template = (System.nanoTime() - began) / 1e9;
        return List.of(
            new Measurement(
                "image",
                "build the image, nothing cached",
                new Samples(Unit.SECONDS, List.of(image)),
                TARGET_SECONDS,
                List.of()),
            new Measurement(
                "image.template",
                "the same until the template is there, too",
                new Samples(Unit.SECONDS, List.of(template))));
      } finally {
        // A signal that it can heed: its own children end with it.
        process.destroy();
        if (!process.waitFor(10, TimeUnit.SECONDS)) {
          process.destroyForcibly().waitFor();
        }
      }
    } finally {
      FileTree.delete(cache);
    }
  }

  private static Process start(Path cache) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            HostSetUp.class.getName());
    builder.environment().put("BELLJAR_CACHE", cache.toString());
    return builder
        .redirectInput(Redirect.from(Path.of("/dev/null").toFile()))
        .redirectOutput(Redirect.DISCARD)
        .redirectError(Redirect.INHERIT)
        .start();
  }

  /** Seconds until the image is complete in its place. */
  private static double awaitImage(Process process, ImageStore store, long began)
      throws InterruptedException {
    while (process.isAlive() && store.find().isEmpty()) {
      process.waitFor(20, TimeUnit.MILLISECONDS);
    }
    return (System.nanoTime() - began) / 1e9;
  }
}
