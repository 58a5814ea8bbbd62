package dev.belljar.engine.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class FileTreeTest {
  /** Deeper than a path can be long. */
  private static final int DEEP = 3000;

  @TempDir private Path directory;
  private Path tree = Path.of("");
  private Path outside = Path.of("");

  @BeforeEach
  void prepare() throws IOException {
    tree = Files.createDirectory(directory.resolve("tree"));
    outside = Files.createDirectory(directory.resolve("outside"));
    Files.writeString(outside.resolve("file"), "the host's");
  }

  private void assertOnlyTheTreeIsGone() throws IOException {
    assertThat(Files.exists(tree, LinkOption.NOFOLLOW_LINKS)).isFalse();
    assertThat(outside.resolve("file")).hasContent("the host's");
    try (var left = Files.list(directory)) {
      assertThat(left).containsExactly(outside);
    }
  }

  @Test
  void whateverIsInItIsRemovedAndLinksAreNotFollowed() throws Exception {
    Files.createDirectories(tree.resolve("a/b/c"));
    Files.writeString(tree.resolve("a/b/file"), "x");
    Files.createSymbolicLink(tree.resolve("a/directory"), outside);
    Files.createSymbolicLink(tree.resolve("file"), outside.resolve("file"));
    Files.createSymbolicLink(tree.resolve("nowhere"), directory.resolve("nowhere"));
    Files.createLink(tree.resolve("same"), outside.resolve("file"));
    assertThat(new ProcessBuilder("mkfifo", tree.resolve("pipe").toString()).start().waitFor())
        .isZero();
    ServerSocketChannel.open(StandardProtocolFamily.UNIX)
        .bind(UnixDomainSocketAddress.of(tree.resolve("socket")))
        .close();
    FileTree.delete(tree);
    assertOnlyTheTreeIsGone();
  }

  @Test
  void oneThatIsALinkOrAFileIsRemovedItself() throws IOException {
    Files.delete(tree);
    Files.createSymbolicLink(tree, outside);
    FileTree.delete(tree);
    assertOnlyTheTreeIsGone();
    Files.writeString(tree, "a file");
    FileTree.delete(tree);
    assertOnlyTheTreeIsGone();
    FileTree.delete(tree);
    FileTree.delete(tree.resolve("below/nothing"));
    assertOnlyTheTreeIsGone();
  }

  @Test
  void directoriesMayBeNestedDeeperThanAPathIsLong() throws IOException {
    Files.createDirectories(tree.resolve("x/x/x/x"));
    // From within, as a program that changes its directory does: the chain grows at its top.
    try (SecureDirectoryStream<Path> top = FileTree.open(tree)) {
      for (int i = 0; i < DEEP; i += 4) {
        Files.createDirectories(tree.resolve("n/n/n"));
        try (SecureDirectoryStream<Path> n = below(top, "n");
            SecureDirectoryStream<Path> nn = below(n, "n");
            SecureDirectoryStream<Path> nnn = below(nn, "n")) {
          top.move(Path.of("x"), nnn, Path.of("x"));
        }
        top.move(Path.of("n"), top, Path.of("x"));
      }
    }
    FileTree.delete(tree);
    assertOnlyTheTreeIsGone();
  }

  @SuppressWarnings("StreamResourceLeak") // whoever asks for it closes it
  private static SecureDirectoryStream<Path> below(SecureDirectoryStream<Path> above, String name)
      throws IOException {
    return above.newDirectoryStream(Path.of(name), LinkOption.NOFOLLOW_LINKS);
  }
}
