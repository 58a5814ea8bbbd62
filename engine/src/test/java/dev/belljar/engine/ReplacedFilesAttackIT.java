package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.ByteSize;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Storage;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.storage.Directories;
import dev.belljar.spi.Tenant;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What a QEMU that was broken into can do with the files of its machine: it puts something else in
 * the place of each. Its sandbox ends all the same, its volume is free, and nothing else is
 * touched.
 */
@Timeout(120)
class ReplacedFilesAttackIT {
  @TempDir private Path directory;

  enum Kind {
    FIFO,
    LINK_TO_A_FILE,
    LINK_TO_A_DIRECTORY,
    SOCKET,
    DIRECTORY;

    void make(Path place, Path outside) throws Exception {
      switch (this) {
        case FIFO ->
            assertThat(new ProcessBuilder("mkfifo", place.toString()).start().waitFor()).isZero();
        case LINK_TO_A_FILE -> Files.createSymbolicLink(place, outside.resolve("file"));
        case LINK_TO_A_DIRECTORY -> Files.createSymbolicLink(place, outside);
        case SOCKET ->
            ServerSocketChannel.open(StandardProtocolFamily.UNIX)
                .bind(UnixDomainSocketAddress.of(place))
                .close();
        case DIRECTORY -> {
          Files.createDirectories(place.resolve("a/b"));
          Files.createSymbolicLink(place.resolve("a/b/link"), outside);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void theSandboxEndsAndNothingOutsideIsTouched(Kind kind) throws Exception {
    Path outside = Files.createDirectory(directory.resolve("outside"));
    Files.writeString(outside.resolve("file"), "the host's");
    Files.setAttribute(outside.resolve("file"), "unix:mode", 0600);
    Tenant tenant = new Tenant("", Optional.of(directory.resolve("storage")));
    Storage storage = LocalEngine.instance().storage(tenant);
    storage.volumes().create(VolumeOptions.of("data", ByteSize.parse("300MB")));
    storage
        .volumes()
        .create(VolumeOptions.of("tools", ByteSize.parse("300MB")).from(VolumeOptions.BUILTIN));
    storage.volumes().snapshot("tools", "root");
    Path run;
    // The head above the snapshot lies in a directory of its own, in the machine's.
    SandboxOptions options = SandboxOptions.builder().root("root").volume("/data", "data").build();
    try (Sandbox sandbox = LocalEngine.instance().create(options, tenant)) {
      sandbox.fs().writeTextFile("/data/note", "kept");
      run = ownDirectory();
      replaceAll(run, kind, outside);
    }
    assertThat(Files.exists(run, LinkOption.NOFOLLOW_LINKS)).isFalse();
    assertThat(Files.exists(logOf(run), LinkOption.NOFOLLOW_LINKS)).isFalse();
    assertThat(outside.resolve("file")).hasContent("the host's");
    assertThat(Files.getAttribute(outside.resolve("file"), "unix:mode")).isEqualTo(0100600);
    assertThat(Files.getAttribute(outside.resolve("file"), "unix:uid"))
        .isEqualTo(Files.getAttribute(outside, "unix:uid"));
    try (Stream<Path> files = Files.list(outside)) {
      assertThat(files).containsExactly(outside.resolve("file"));
    }
    storage.volumes().snapshot("data", "after");
    try (Sandbox next = LocalEngine.instance().create(options, tenant)) {
      assertThat(next.fs().readTextFile("/data/note")).isEqualTo("kept");
    }
  }

  /** The log is out of the machine's reach; where it were not, it would do no harm either. */
  private static void replaceAll(Path run, Kind kind, Path outside) throws Exception {
    List<Path> replaced;
    try (Stream<Path> files = Files.list(run)) {
      replaced = Stream.concat(files, Stream.of(logOf(run))).toList();
    }
    assertThat(replaced).hasSizeGreaterThan(3);
    for (Path file : replaced) {
      Files.move(file, run.resolve("was-" + file.getFileName()));
      kind.make(file, outside);
    }
  }

  private static Path logOf(Path run) {
    return run.resolveSibling(run.getFileName() + ".log");
  }

  /** Of the only machine of this process. */
  private static Path ownDirectory() throws IOException {
    String own = HostProcesses.runDirectories(ProcessHandle.current()).iterator().next();
    Path all = Directories.ofUser().cache().resolve("run").resolve(own);
    try (Stream<Path> files = Files.list(all)) {
      return files.filter(file -> Files.exists(file.resolve("qmp"))).findFirst().orElseThrow();
    }
  }
}
