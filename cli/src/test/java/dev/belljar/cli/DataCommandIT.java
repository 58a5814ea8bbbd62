package dev.belljar.cli;

import static dev.belljar.cli.CommandLineUnderTest.belljar;
import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.ByteSize;
import dev.belljar.PageRequest;
import dev.belljar.Storage;
import dev.belljar.VolumeOptions;
import dev.belljar.cli.CommandLineUnderTest.Result;
import dev.belljar.engine.StoredData;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code belljar data}, over a directory of the test's own. */
@Timeout(120)
class DataCommandIT {
  private static final ByteSize SIZE = ByteSize.parse("300MB");

  @TempDir private Path directory;
  private String data = "";
  private String file = "";

  @BeforeEach
  void open() {
    data = directory.resolve("data").toString();
    file = directory.resolve("export.tar").toString();
  }

  private Storage storage(String organization) {
    return StoredData.of(organization, Path.of(data, "storage"));
  }

  private Result data(String... words) {
    return belljar(
        Stream.concat(Stream.concat(Stream.of("data"), Stream.of(words)), Stream.of("--data", data))
            .toArray(String[]::new));
  }

  private static void assertFails(Result result, int status, String message) {
    assertThat(result.err()).contains(message).doesNotContain("\tat ");
    assertThat(result.exitStatus()).isEqualTo(status);
  }

  @Test
  void aVolumeGoesThroughAFileAndThroughAPipe() throws IOException {
    storage("").volumes().create(VolumeOptions.of("data", SIZE));
    assertThat(data("export", "data", file)).isEqualTo(new Result(0, "", ""));
    assertFails(data("export", "data", file), 2, "--force");
    assertThat(data("export", "data", file, "--force").exitStatus()).isZero();
    assertThat(Path.of(file + ".partial")).doesNotExist();

    Result made = data("import", file, "--name", "copy", "--organization", "acme");
    assertThat(made.out()).matches("vol_loc_[0-9a-z]{20}\n");
    assertThat(storage("acme").volumes().get("copy")).isPresent();
    assertThat(storage("").volumes().get("copy")).isEmpty();
    assertFails(data("import", file), 1, "already");

    ByteArrayOutputStream piped = new ByteArrayOutputStream();
    PrintStream err = new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8);
    Main.execute(
        new StandardStreams(new ByteArrayInputStream(new byte[0]), piped, err, true),
        "data",
        "export",
        "data",
        "-",
        "--data",
        data);
    assertThat(piped.toByteArray()).isEqualTo(Files.readAllBytes(Path.of(file)));
    Result again =
        CommandLineUnderTest.belljarReading(
            new ByteArrayInputStream(piped.toByteArray()),
            "data",
            "import",
            "-",
            "--name",
            "piped",
            "--data",
            data,
            "--json");
    JsonNode volume = JsonMapper.shared().readTree(again.out());
    assertThat(volume.get("slug").stringValue()).isEqualTo("piped");
  }

  @Test
  void whereNothingIsKeptNothingIsFineAndNothingIsMade() throws IOException {
    assertFails(data("check"), 2, "There is no data of Belljar in " + data);
    assertFails(data("export", "data", file), 2, "There is no data of Belljar in " + data);
    assertThat(Path.of(data)).doesNotExist();
    Files.createDirectories(Path.of(data, "storage", "driver"));
    assertFails(data("check"), 2, "There is no data of Belljar in " + data);
    assertFails(data("export", "data", "-"), 2, "There is no data of Belljar in " + data);
    assertThat(Path.of(data, "storage")).isDirectoryNotContaining("glob:**/{l,c}*");
    assertThat(directory.resolve("export.tar.partial")).doesNotExist();

    Files.createDirectories(Path.of(data, "metadata"));
    assertThat(data("check").out()).contains("0 volumes and snapshots", "fine");
  }

  @Test
  void whatCannotBeDoneIsSaidAndLeavesNoFile() throws IOException {
    storage("").volumes().list(PageRequest.FIRST);
    assertFails(data("export", "nothing", file), 1, "There is no volume 'nothing'");
    assertThat(directory.resolve("export.tar")).doesNotExist();
    assertThat(directory.resolve("export.tar.partial")).doesNotExist();
    Files.writeString(Path.of(file), "hello");
    assertFails(data("import", file), 1, "no export");
  }

  @Test
  void aCheckSaysWhatIsFineAndWhatIsNot() throws IOException {
    storage("").volumes().list(PageRequest.FIRST);
    assertThat(data("check").out()).contains("0 volumes and snapshots", "fine");
    storage("").volumes().create(VolumeOptions.of("data", SIZE));
    storage("acme").volumes().create(VolumeOptions.of("other", SIZE));
    Result fine = data("check");
    assertThat(fine.exitStatus()).isZero();
    assertThat(fine.out()).contains("volume    data", "acme/other", "2 volumes and snapshots");
    assertThat(fine.out()).doesNotContain("DAMAGED");

    try (Stream<Path> all = Files.walk(Path.of(data, "storage", "layers"))) {
      for (Path layer : all.filter(Files::isRegularFile).toList()) {
        Files.writeString(layer, "damaged");
      }
    }
    Result damaged = data("check");
    assertThat(damaged.exitStatus()).isEqualTo(1);
    assertThat(damaged.out()).contains("DAMAGED", "belljar data import", "volumes delete other");
    JsonNode json = JsonMapper.shared().readTree(data("check", "--json").out());
    assertThat(json.get("fine").booleanValue()).isFalse();
    assertThat(json.get("disks").get(0).get("damage").get(0).get("what").stringValue())
        .contains("qcow2");
  }

  @Test
  void helpTeachesByExample() {
    for (String[] words :
        new String[][] {
          {"data", "--help"},
          {"data", "check", "--help"},
          {"data", "export", "--help"},
          {"data", "import", "--help"}
        }) {
      Result help = belljar(words);
      assertThat(help.exitStatus()).isZero();
      assertThat(help.out()).contains("Example", "  belljar data ");
    }
    assertThat(belljar("--help").out()).contains("data");
  }
}
