package dev.belljar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FileTreesTest {
  private static final FileAttribute<?> ALL =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxrwxrwx"));

  @TempDir Path sandboxRoot;
  @TempDir Path host;
  private DirectoryFs fs;

  @BeforeEach
  void plantTree() throws IOException {
    fs = new DirectoryFs(sandboxRoot);
    for (String file :
        List.of("a/one.ts", "a/two.js", "a/b/three.ts", "a/x/b/c/four.ts", "top.ts")) {
      Path path = fs.host("/" + file);
      Files.createDirectories(path.getParent());
      Files.writeString(path, file);
    }
    Files.createSymbolicLink(fs.host("/a/loop"), Path.of("."));
  }

  @Test
  void walkGivesParentsFirstInOrderAndFollowsNoLink() {
    assertThat(paths(fs.walk("/a")))
        .containsExactly(
            "/a",
            "/a/b",
            "/a/b/three.ts",
            "/a/loop",
            "/a/one.ts",
            "/a/two.js",
            "/a/x",
            "/a/x/b",
            "/a/x/b/c",
            "/a/x/b/c/four.ts");
  }

  @ParameterizedTest
  @CsvSource({"/a/b,/a/b,b", "/a//x/.././b/,/a/b/,b", "./a/b,a/b,b", "/,/,/"})
  void walkGivesPathsWithoutDotsAndEmptyNames(String root, String path, String name) {
    try (Stream<WalkEntry> entries = fs.walk(root, WalkOptions.ALL.withMaxDepth(0))) {
      assertThat(entries)
          .containsExactly(new WalkEntry(path, new DirEntry(name, FileType.DIRECTORY)));
    }
    String prefix = path.endsWith("/") ? path : path + "/";
    assertThat(paths(fs.walk(root))).allMatch(found -> (found + "/").startsWith(prefix));
  }

  @Test
  void walkOfTheWorkingDirectoryGivesNamesAlone() {
    assertThat(paths(fs.walk(".", WalkOptions.ALL.withMaxDepth(1))))
        .containsExactly(".", "a", "top.ts");
    assertThat(paths(fs.walk("./", WalkOptions.ALL.withMaxDepth(1))))
        .containsExactly("./", "a", "top.ts");
  }

  @Test
  void followedLinkThatLeadsNowhereIsNotFound() throws IOException {
    Files.createSymbolicLink(fs.host("/a/x/dangling"), Path.of("nowhere"));
    assertThat(paths(fs.walk("/a/x"))).contains("/a/x/dangling");
    WalkOptions following =
        new WalkOptions(9, true, true, true, true, true, List.of(), List.of(), List.of());
    assertThatExceptionOfType(NotFoundException.class)
        .isThrownBy(() -> fs.walk("/a/x", following).toList());
  }

  @Test
  void walkStopsAtItsDepth() {
    assertThat(paths(fs.walk("/a", WalkOptions.ALL.withMaxDepth(0)))).containsExactly("/a");
    assertThat(paths(fs.walk("/a", WalkOptions.ALL.withMaxDepth(1))))
        .containsExactly("/a", "/a/b", "/a/loop", "/a/one.ts", "/a/two.js", "/a/x");
  }

  @Test
  void walkLeavesOutWhatIsNotWantedButDescends() {
    assertThat(paths(fs.walk("/a", new WalkOptions(9, true, false, false))))
        .containsExactly("/a/b/three.ts", "/a/one.ts", "/a/two.js", "/a/x/b/c/four.ts");
    assertThat(paths(fs.walk("/a", new WalkOptions(9, false, false, true))))
        .containsExactly("/a/loop");
  }

  @Test
  void walkOfWhatIsNotThereSaysSo() {
    assertThatExceptionOfType(NotFoundException.class).isThrownBy(() -> fs.walk("/missing"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "*.ts|top.ts",
        "/top.ts|/top.ts",
        "/missing.ts|",
        "/a/*.ts|/a/one.ts",
        "/a/???.ts|/a/one.ts",
        "/a/[ot]*|/a/one.ts,/a/two.js",
        "/a/{one,two}.*|/a/one.ts,/a/two.js",
        "/a/*/*.ts|/a/b/three.ts",
        "/a/**/*.ts|/a/b/three.ts,/a/one.ts,/a/x/b/c/four.ts",
        "a/**/four.ts|a/x/b/c/four.ts",
        "/nowhere/*|",
        "./*.ts|top.ts",
        "a/.././top.ts|top.ts",
        "/a/b/../*.ts|/a/one.ts",
        "/a//./*.ts|/a/one.ts",
        "/../a/*/../*.js|/a/two.js",
        "/a/*/|/a/b,/a/x",
        "/a/one.ts/|",
        "/a/b/|/a/b"
      })
  void globFindsWhatItMatches(String glob, String found) {
    List<String> expected = found == null ? List.of() : List.of(found.split(","));
    assertThat(paths(fs.expandGlob(glob))).containsExactlyElementsOf(expected);
  }

  @Test
  void globAtTheRootFindsItsChildren() {
    assertThat(paths(fs.expandGlob("/*"))).containsExactly("/a", "/top.ts");
  }

  @Test
  void doubleStarMatchesNoDirectoryEvenBesideAnother() {
    assertThat(paths(fs.expandGlob("/a/**/b/**/four.ts"))).containsExactly("/a/x/b/c/four.ts");
    assertThat(paths(fs.expandGlob("/a/**/b/**/three.ts"))).containsExactly("/a/b/three.ts");
    assertThat(paths(fs.expandGlob("/a/**/x/**/four.ts"))).containsExactly("/a/x/b/c/four.ts");
  }

  @Test
  @Timeout(20)
  void aGlobThatWouldBeTriedForEverIsGivenUp() {
    fs.writeTextFile("/" + "a".repeat(200), "");
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> fs.expandGlob("/" + "*a".repeat(12) + "*b").toList())
        .withMessageContaining("too long");
  }

  @Test
  void groupsEscapesAndExclusionsAreUnderstood() {
    assertThat(paths(fs.expandGlob("/a/@(one|two).*"))).containsExactly("/a/one.ts", "/a/two.js");
    assertThat(paths(fs.expandGlob("/a/!(one).*"))).containsExactly("/a/two.js");
    assertThat(paths(fs.expandGlob("/a/\\*"))).isEmpty();
    GlobOptions options =
        new GlobOptions(Optional.of("/a"), List.of("b"), false, false, true, true, true, true);
    assertThat(paths(fs.expandGlob("**/*.TS", options)))
        .containsExactly("/a/one.ts", "/a/x/b/c/four.ts");
  }

  @Test
  void aGlobThatIsNoneIsNamed() {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> fs.expandGlob("/a/{x").toList())
        .withMessageContaining("/a/{x");
  }

  @Test
  void aTreeGoesInAndComesBackTheSame() throws IOException {
    Path source = host.resolve("in");
    Files.createDirectories(source.resolve("ünï/🫙"));
    Files.writeString(source.resolve("ünï/🫙/naïve.txt"), "hé");
    Files.writeString(source.resolve("run.sh"), "#!/bin/sh\n");
    Files.setPosixFilePermissions(
        source.resolve("run.sh"), PosixFilePermissions.fromString("rwxr-xr-x"));
    Files.createSymbolicLink(source.resolve("link"), Path.of("run.sh"));

    fs.upload(source, "/copy");
    assertThat(Files.readSymbolicLink(fs.host("/copy/link"))).isEqualTo(Path.of("run.sh"));

    Path back = host.resolve("back");
    fs.download("/copy", back);
    assertThat(back.resolve("ünï/🫙/naïve.txt")).hasContent("hé");
    assertThat(Files.getPosixFilePermissions(back.resolve("run.sh")))
        .contains(PosixFilePermission.OWNER_EXECUTE);
    assertThat(Files.exists(back.resolve("link"), java.nio.file.LinkOption.NOFOLLOW_LINKS))
        .as("symbolic links stay behind")
        .isFalse();
  }

  @ParameterizedTest
  @CsvSource({"0755,0755", "0750,0750", "0700,0700", "0444,0444", "07711,0711", "04755,0755"})
  void downloadedFilesHaveTheModeThatTheyHaveThere(String there, String here) throws IOException {
    fs.chmod("/a/one.ts", Integer.parseInt(there, 8));
    fs.chmod("/a/x", Integer.parseInt(there, 8));
    Path back = host.resolve("back");
    fs.download("/a", back);
    int umask = 07777 & ~mode(Files.createFile(host.resolve("f"), ALL));
    assertThat(mode(back.resolve("one.ts"))).isEqualTo(Integer.parseInt(here, 8) & ~umask);
    assertThat(mode(back.resolve("x"))).isEqualTo((Integer.parseInt(here, 8) | 0700) & ~umask);
  }

  @Test
  void downloadedFileMayBeExecutedWhereOneWasThatMightNot() throws IOException {
    fs.chmod("/a/one.ts", 0755);
    Path old = Files.writeString(host.resolve("old"), "much longer than the new one");
    Files.setPosixFilePermissions(old, PosixFilePermissions.fromString("rw-r-----"));
    fs.download("/a/one.ts", old);
    assertThat(old).hasContent("a/one.ts");
    assertThat(mode(old)).isEqualTo(0750);
  }

  @Test
  void aSingleFileIsCopiedUnderTheNameAskedFor() throws IOException {
    Path one = Files.writeString(host.resolve("one"), "content");
    fs.upload(one, "/renamed");
    fs.download("/renamed", host.resolve("again"));
    assertThat(host.resolve("again")).hasContent("content");
  }

  @Test
  void uploadFillsADirectoryThatIsThere() throws IOException {
    Path source = Files.createDirectory(host.resolve("in"));
    Files.writeString(source.resolve("one.ts"), "new");
    fs.upload(source, "/a");
    assertThat(fs.host("/a/one.ts")).hasContent("new");
    assertThat(fs.host("/a/two.js")).exists();
  }

  private static int mode(Path file) throws IOException {
    return (Integer) Files.getAttribute(file, "unix:mode") & 07777;
  }

  private static List<String> paths(Stream<WalkEntry> entries) {
    try (entries) {
      return entries.map(WalkEntry::path).toList();
    }
  }
}
