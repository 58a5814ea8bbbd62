package dev.belljar.engine.vmm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whatever has the name of a log, the host neither waits for it nor shows or touches it. */
@Timeout(30)
class MachineLogTest {
  @TempDir private Path directory;
  private Path run = Path.of("");
  private Path outside = Path.of("");

  @BeforeEach
  void prepare() throws IOException {
    run = directory.resolve("0123abcd");
    outside = Files.createDirectory(directory.resolve("outside"));
    Files.writeString(outside.resolve("file"), "a secret of the host");
  }

  enum Kind {
    NOTHING,
    FIFO,
    LINK_TO_A_FILE,
    LINK_TO_A_DIRECTORY,
    LINK_TO_NOTHING,
    SOCKET,
    DIRECTORY;

    void make(Path place, Path outside) throws Exception {
      switch (this) {
        case NOTHING -> {}
        case FIFO ->
            assertThat(new ProcessBuilder("mkfifo", place.toString()).start().waitFor()).isZero();
        case LINK_TO_A_FILE -> Files.createSymbolicLink(place, outside.resolve("file"));
        case LINK_TO_A_DIRECTORY -> Files.createSymbolicLink(place, outside);
        case LINK_TO_NOTHING -> Files.createSymbolicLink(place, outside.resolve("new"));
        case SOCKET ->
            ServerSocketChannel.open(StandardProtocolFamily.UNIX)
                .bind(UnixDomainSocketAddress.of(place))
                .close();
        case DIRECTORY -> Files.createDirectories(place.resolve("a/b"));
      }
    }
  }

  private void assertNothingOutsideIsTouched() throws IOException {
    assertThat(outside.resolve("file")).hasContent("a secret of the host");
    try (var files = Files.list(outside)) {
      assertThat(files).hasSize(1);
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void whatTakesItsPlaceIsNotReadAndIsRemovedInTheEnd(Kind kind) throws Exception {
    MachineLog log = MachineLog.create(run);
    Files.writeString(log.file(), "qemu: no such device\n");
    Files.delete(log.file());
    kind.make(log.file(), outside);
    assertThat(log.complaints()).isEqualTo("qemu: no such device");
    log.close();
    assertThat(Files.exists(log.file(), LinkOption.NOFOLLOW_LINKS)).isFalse();
    assertThat(log.complaints()).isEmpty();
    log.close();
    assertNothingOutsideIsTouched();
  }

  @ParameterizedTest
  @EnumSource(value = Kind.class, names = "NOTHING", mode = EnumSource.Mode.EXCLUDE)
  void whatHasItsNameAlreadyIsNotTakenForIt(Kind kind) throws Exception {
    kind.make(run.resolveSibling("0123abcd.log"), outside);
    assertThatThrownBy(() -> MachineLog.create(run).close())
        .isInstanceOf(FileAlreadyExistsException.class);
    assertNothingOutsideIsTouched();
  }

  @Test
  void onlyTheFirstLinesAreShown() throws IOException {
    try (MachineLog log = MachineLog.create(run)) {
      assertThat(log.complaints()).isEmpty();
      Files.writeString(log.file(), "x".repeat(1_000_000));
      assertThat(log.complaints()).isEqualTo("x".repeat(2000));
      assertThat(Files.getAttribute(log.file(), "unix:mode")).isEqualTo(0100600);
    }
  }
}
