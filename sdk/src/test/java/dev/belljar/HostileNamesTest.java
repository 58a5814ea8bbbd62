package dev.belljar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A guest that lies about its files must not reach this host's through a download. */
class HostileNamesTest {
  @TempDir Path host;

  @ParameterizedTest
  @ValueSource(
      strings = {"../x", "..", ".", "", "a/b", "/etc/passwd", "a\0b", "../../x", "x/../../y", "/"})
  void whatHasANameThatLeadsElsewhereIsLeftOut(String name) throws IOException {
    Path target = Files.createDirectories(host.resolve("outer/target"));
    new LyingFs(new DirEntry(name, FileType.FILE), new DirEntry("good", FileType.FILE))
        .download("/", target);
    new LyingFs(new DirEntry(name, FileType.DIRECTORY)).download("/", target);
    assertThat(everythingIn(host))
        .containsExactlyInAnyOrder("outer", "outer/target", "outer/target/good");
  }

  @ParameterizedTest
  @ValueSource(strings = {"...", "..x", " ", "~", "\\..\\x", "C:x", "-rf", "a\nb", "\uFFFD"})
  void aNameThatIsOnlyOddStaysInside(String name) throws IOException {
    Path target = Files.createDirectories(host.resolve("target"));
    new LyingFs(new DirEntry(name, FileType.FILE)).download("/", target);
    assertThat(target.resolve(name)).hasContent("evil");
    assertThat(everythingIn(host)).containsExactlyInAnyOrder("target", "target/" + name);
  }

  @Test
  void aNameThatIsNotUtf8EndsTheUpload() throws Exception {
    Path from = Files.createDirectories(host.resolve("from"));
    // Java cannot make such a file.
    Process shell =
        new ProcessBuilder("sh", "-c", "touch \"$(printf 'a\\377')\"")
            .directory(from.toFile())
            .start();
    assertThat(shell.waitFor()).isZero();
    DirectoryFs sandbox = new DirectoryFs(Files.createDirectories(host.resolve("sandbox")));
    assertThatExceptionOfType(IOException.class)
        .isThrownBy(() -> sandbox.upload(from, "/copy"))
        .withMessageContaining("/from/a%FF (or what it links to) is not UTF-8");
    assertThat(everythingIn(host.resolve("sandbox"))).containsExactly("copy");
  }

  @Test
  void whatIsThereUnderAnotherNameOnlyIsLeftOut() throws IOException {
    Path target = host.resolve("target");
    new LyingFs(new DirEntry("\uFFFD", FileType.FILE), new DirEntry("good", FileType.FILE)) {
      @Override
      public FileInfo lstat(String path) {
        if (path.endsWith("\uFFFD")) {
          throw new NotFoundException("lstat", "ENOENT", 2);
        }
        return super.lstat(path);
      }
    }.download("/", target);
    assertThat(everythingIn(target)).containsExactly("good");
  }

  @Test
  void aLinkThatIsThereAlreadyIsNotWrittenThrough() throws IOException {
    Path victim = Files.writeString(host.resolve("victim"), "precious");
    Path target = Files.createDirectories(host.resolve("target"));
    Files.createSymbolicLink(target.resolve("x"), victim);
    assertThatExceptionOfType(IOException.class)
        .isThrownBy(() -> new LyingFs(new DirEntry("x", FileType.FILE)).download("/", target));
    assertThat(victim).hasContent("precious");
  }

  @Test
  void aLinkedDirectoryThatIsThereAlreadyIsNotEntered() throws IOException {
    Path victim = Files.createDirectories(host.resolve("victim"));
    Path target = Files.createDirectories(host.resolve("target"));
    Files.createSymbolicLink(target.resolve("x"), victim);
    assertThatExceptionOfType(IOException.class)
        .isThrownBy(() -> new LyingFs(new DirEntry("x", FileType.DIRECTORY)).download("/", target));
    assertThat(victim).isEmptyDirectory();
  }

  @Test
  void directoriesWithoutEndAreLeft() {
    Path target = host.resolve("target");
    // Every directory holds another: this host's own limits or ours end it, and soon.
    assertThatExceptionOfType(IOException.class)
        .isThrownBy(
            () ->
                new LyingFs(new DirEntry("d".repeat(200), FileType.DIRECTORY))
                    .download("/", target));
  }

  @Test
  void linksAndDevicesAreLeftOut() throws IOException {
    Path target = host.resolve("target");
    new LyingFs(
            new DirEntry("link", FileType.SYMLINK),
            new DirEntry("fifo", FileType.FIFO),
            new DirEntry("device", FileType.BLOCK_DEVICE),
            new DirEntry("socket", FileType.SOCKET),
            new DirEntry("other", FileType.OTHER))
        .download("/", target);
    assertThat(target).isEmptyDirectory();
  }

  private static List<String> everythingIn(Path directory) throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      return all.filter(path -> !path.equals(directory))
          .map(path -> directory.relativize(path).toString())
          .toList();
    }
  }

  /** Every directory has the same entries and every file says the same. */
  private static class LyingFs extends DirectoryFs {
    private final List<DirEntry> entries;

    LyingFs(DirEntry... entries) {
      super(Path.of("/nowhere"));
      this.entries = List.of(entries);
    }

    @Override
    public Stream<DirEntry> readDir(String path) {
      return entries.stream();
    }

    @Override
    public FileInfo stat(String path) {
      return infoOf(FileType.DIRECTORY, 040755);
    }

    @Override
    public FileInfo lstat(String path) {
      return infoOf(FileType.FILE, 0100755);
    }

    @Override
    public InputStream newInputStream(String path) {
      return new ByteArrayInputStream("evil".getBytes(StandardCharsets.UTF_8));
    }
  }
}
