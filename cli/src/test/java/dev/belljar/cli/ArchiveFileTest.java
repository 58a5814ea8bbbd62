package dev.belljar.cli;

import static dev.belljar.cli.CommandLineUnderTest.belljar;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.InvalidOptionException;
import dev.belljar.cli.CommandLineUnderTest.Result;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ArchiveFileTest {
  @TempDir private Path directory;

  private void assertRefused(String verb, String file, String... words) {
    Result result =
        verb.equals("export")
            ? belljar("data", "export", "x", file, "--data", directory.resolve("data").toString())
            : belljar("data", "import", file, "--data", directory.resolve("data").toString());
    assertThat(result.err()).contains(words).contains(". ").doesNotContain("Exception", "defect");
    assertThat(result.exitStatus()).isEqualTo(2);
    assertThat(result.out()).isEmpty();
  }

  @Test
  void whatCannotBeWrittenIsSaidBeforeAnythingIsDone() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "mine");
    Path data = directory.resolve("data");
    Files.createDirectories(data.resolve("metadata"));
    String missing = directory.resolve("nope/x").toString();
    assertRefused("export", missing, "There is no directory", "nope", "Make it");
    assertRefused("export", "/nope/x", "There is no directory /nope", "Make it");
    assertRefused("export", directory.toString(), "is a directory", "Name a file in it");
    assertRefused("export", "/", "is a directory");
    assertRefused("export", file.toString(), "already", "--force");
    assertRefused("export", file.resolve("x").toString(), "no directory", "elsewhere");
    assertRefused("export", "/dev/null", "no ordinary file", "standard output");
    assertRefused("export", "", "empty");
    // Whoever runs this, a file there is none of.
    assertRefused("export", "/proc/x", "/proc", "elsewhere");
    assertRefused("export", directory.resolve("n".repeat(300)).toString(), "elsewhere");
    assertThat(file).hasContent("mine");
    assertThat(data.resolve("storage")).doesNotExist();
  }

  @Test
  void whatCannotBeReadIsSaidBeforeAnythingIsDone() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "mine");
    assertRefused("import", "/nope/x", "There is no file /nope/x", "data export");
    assertRefused("import", directory.toString(), "is a directory", "Name a file in it");
    assertRefused("import", file.resolve("x").toString(), "There is no file");
    assertRefused("import", "", "empty");
    assertThat(directory.resolve("data")).doesNotExist();
  }

  @Test
  void aFileThatIsNotWrittenToItsEndIsRemoved() throws IOException {
    Path file = directory.resolve("export.tar");
    ArchiveFile archive = ArchiveFile.toWrite(file.toString(), false);
    assertThatExceptionOfType(IOException.class)
        .isThrownBy(
            () ->
                archive.write(
                    false,
                    channel -> {
                      channel.write(ByteBuffer.wrap(new byte[] {1}));
                      throw new IOException("No space left on device");
                    }))
        .withMessageContainingAll(file.toString(), "No space left", "make room");
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void whatSomebodyElseMakesMeanwhileIsNotReplaced() throws IOException {
    Path file = directory.resolve("export.tar");
    ArchiveFile archive = ArchiveFile.toWrite(file.toString(), false);
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> archive.write(false, channel -> Files.writeString(file, "theirs")))
        .withMessageContaining("Name another");
    assertThat(file).hasContent("theirs");
    assertThat(directory.resolve("export.tar.partial")).doesNotExist();
  }

  @Test
  void whatAnotherExportHasBegunIsLeftToIt() throws IOException {
    Path begun = Files.writeString(directory.resolve("export.tar.partial"), "theirs");
    ArchiveFile archive = ArchiveFile.toWrite(directory.resolve("export.tar").toString(), false);
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> archive.write(false, channel -> {}))
        .withMessageContainingAll(begun.toString(), "under way", "remove");
    assertThat(begun).hasContent("theirs");
  }
}
