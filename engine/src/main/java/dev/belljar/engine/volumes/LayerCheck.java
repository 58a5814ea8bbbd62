package dev.belljar.engine.volumes;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * What QEMU's disk tool finds in a layer by itself. The tool is confined, and told all that it is
 * to open: names in headers count for nothing.
 *
 * @param damage what is wrong with it; empty where nothing is
 * @param leaked clusters that nothing in it refers to: a machine that was killed leaves them, and
 *     they do no harm
 */
record LayerCheck(Optional<String> damage, long leaked) {
  /** A layer may have been made to take for ever. */
  static final Duration LONGEST = Duration.ofMinutes(5);

  private static final Duration LONGEST_FLATTENING = Duration.ofHours(1);

  /** Of {@code qemu-img check}. */
  private static final int FINE = 0;

  private static final int LEAKS_ONLY = 3;

  private static final int LONGEST_COMPLAINT = 300;

  /**
   * Looks through a layer that nobody has open.
   *
   * @param limit how long that may take
   * @throws IOException where the tool cannot be run, or takes longer
   */
  static LayerCheck of(ConfinedDiskTool tool, Path layer, Duration limit) throws IOException {
    ConfinedDiskTool.Ended ended =
        tool.run(
            List.of(layer),
            Optional.empty(),
            0,
            limit,
            (read, written) -> List.of("check", "--output=json", chain(read)));
    if (ended.status() != FINE && ended.status() != LEAKS_ONLY) {
      return new LayerCheck(Optional.of(damage(ended)), 0);
    }
    try {
      JsonNode said = JsonMapper.shared().readTree(ended.output());
      boolean whole =
          said.path("filename").isString()
              && said.path("check-errors").asLong(0) == 0
              && said.path("corruptions").asLong(0) == 0;
      return whole
          ? new LayerCheck(Optional.empty(), said.path("leaks").asLong(0))
          : new LayerCheck(Optional.of(damage(ended)), 0);
    } catch (JacksonException e) {
      return new LayerCheck(Optional.of("qemu-img does not answer"), 0);
    }
  }

  private static String damage(ConfinedDiskTool.Ended ended) {
    String counted = "";
    try {
      JsonNode said = JsonMapper.shared().readTree(ended.output());
      if (said.path("corruptions").asLong(0) > 0) {
        counted = said.path("corruptions").asLong(0) + " corruptions; ";
      }
    } catch (JacksonException e) {
      // It did not get so far.
    }
    String said =
        ended
            .complaints()
            .lines()
            .filter(line -> !line.startsWith("Leaked"))
            .findFirst()
            .orElse("status " + ended.status());
    return counted
        + said.substring(0, Math.min(said.length(), LONGEST_COMPLAINT))
            .replaceAll("\\p{Cntrl}", "?");
  }

  /**
   * Writes what a disk holds into a file that holds nothing yet.
   *
   * @param layers the uppermost first
   * @param raw as large as the disk
   * @throws IOException where that cannot be done
   */
  static void flatten(ConfinedDiskTool tool, List<Path> layers, Path raw, long bytes)
      throws IOException {
    ConfinedDiskTool.Ended ended =
        tool.run(
            layers,
            Optional.of(raw),
            bytes,
            LONGEST_FLATTENING,
            (read, written) ->
                List.of(
                    "convert",
                    "-n",
                    "--target-is-zero",
                    "--target-image-opts",
                    chain(read),
                    "driver=raw,file.driver=file,file.filename=" + written));
    if (ended.status() != FINE) {
      throw new IOException("qemu-img could not read the layers: " + ended.complaints());
    }
  }

  /** Of these files, the uppermost first, as QEMU takes it for a name. */
  private static String chain(List<String> files) {
    ObjectNode below = null;
    for (String file : files.reversed()) {
      ObjectNode layer = JsonNodeFactory.instance.objectNode().put("driver", "qcow2");
      layer.putObject("file").put("driver", "file").put("filename", file);
      if (below == null) {
        layer.putNull("backing");
      } else {
        layer.set("backing", below);
      }
      below = layer;
    }
    return "json:" + below;
  }
}
