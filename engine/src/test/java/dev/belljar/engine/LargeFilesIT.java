package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.BelljarException;
import dev.belljar.DirEntry;
import dev.belljar.NotFoundException;
import dev.belljar.PermissionDeniedException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxFs;
import dev.belljar.WalkEntry;
import dev.belljar.WriteOptions;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Much content, many entries, whole trees. */
@Timeout(180)
class LargeFilesIT {
  private static final int LARGE = 200_000_000;
  private static Sandbox sandbox;
  private static SandboxFs fs;
  @TempDir Path host;

  @BeforeAll
  static void create() {
    sandbox = Sandbox.create();
    fs = sandbox.fs();
  }

  @AfterAll
  static void close() {
    sandbox.close();
  }

  @Test
  void twoHundredMegabytesGoBothWaysInConstantMemory() throws Exception {
    long before = usedHeap();
    MessageDigest sent = MessageDigest.getInstance("SHA-256");
    fs.writeFile("/home/app/large", new Noise(sent), WriteOptions.DEFAULT);
    String digest = HexFormat.of().formatHex(sent.digest());
    assertThat(usedHeap() - before).as("heap kept").isLessThan(16L << 20);
    assertThat(sandbox.sh("sha256sum < large").text()).startsWith(digest);

    MessageDigest received = MessageDigest.getInstance("SHA-256");
    try (InputStream in = fs.newInputStream("/home/app/large")) {
      byte[] buffer = new byte[64 << 10];
      for (int length; (length = in.read(buffer)) >= 0; ) {
        received.update(buffer, 0, length);
      }
    }
    assertThat(HexFormat.of().formatHex(received.digest())).isEqualTo(digest);
    assertThat(usedHeap() - before).as("heap kept").isLessThan(16L << 20);
    fs.remove("/home/app/large");
  }

  @Test
  void aSourceThatFailsEndsTheWriteAndTheSandboxGoesOn() {
    InputStream failing =
        new SequenceInputStream(
            new ByteArrayInputStream(new byte[300_000]),
            new InputStream() {
              @Override
              public int read() throws IOException {
                throw new IOException("the source broke");
              }

              @Override
              public int read(byte[] target, int offset, int length) throws IOException {
                return read();
              }
            });
    assertThatExceptionOfType(BelljarException.class)
        .isThrownBy(() -> fs.writeFile("/home/app/half", failing, WriteOptions.DEFAULT))
        .withMessageContaining("the source broke");
    assertThat(sandbox.sh("echo fine").text()).isEqualTo("fine\n");
  }

  @Test
  void aReaderThatStopsHalfwayLeavesNothingBehind() throws IOException {
    sandbox.sh("truncate -s 1G sparse").text();
    for (int i = 0; i < 20; i++) {
      try (InputStream in = fs.newInputStream("/home/app/sparse")) {
        assertThat(in.readNBytes(1000)).hasSize(1000);
      }
    }
    assertThat(fs.exists("/home/app/sparse")).isTrue();
    fs.remove("/home/app/sparse");
  }

  @Test
  void aHundredThousandEntriesAreListedInBoundedMemory() {
    // In memory, where making them takes seconds and not a minute.
    sandbox.sh("mkdir -p /tmp/ram && mount -t tmpfs ram /tmp/ram").sudo().text();
    sandbox
        .sh("mkdir /tmp/ram/many && cd /tmp/ram/many && seq -f 'entry-%06.0f' 100000 | xargs touch")
        .text();
    long before = usedHeap();
    try (Stream<DirEntry> entries = fs.readDir("/tmp/ram/many")) {
      assertThat(entries.mapToInt(entry -> entry.name().length()).sum()).isEqualTo(12 * 100_000);
    }
    try (Stream<DirEntry> entries = fs.readDir("/tmp/ram/many")) {
      assertThat(entries.limit(3)).hasSize(3);
    }
    assertThat(usedHeap() - before).as("heap kept").isLessThan(16L << 20);
    fs.remove("/tmp/ram/many", true);
    assertThat(fs.exists("/tmp/ram/many")).isFalse();
  }

  @Test
  void aTreeGoesInAndComesBack() throws IOException {
    Path source = Files.createDirectories(host.resolve("source"));
    Files.createDirectories(source.resolve("ünï/🫙/empty"));
    Files.writeString(source.resolve("ünï/🫙/naïve name.txt"), "content");
    Files.writeString(source.resolve("run.sh"), "#!/bin/sh\necho ran\n");
    Files.setPosixFilePermissions(
        source.resolve("run.sh"), PosixFilePermissions.fromString("rwxr-xr-x"));
    Files.createSymbolicLink(source.resolve("link"), Path.of("run.sh"));

    fs.upload(source, "/home/app/tree");
    assertThat(sandbox.sh("tree/run.sh; tree/link; cat tree/ünï/🫙/*.txt").text())
        .isEqualTo("ran\nran\ncontent");

    Path back = host.resolve("back");
    fs.download("/home/app/tree", back);
    assertThat(back.resolve("ünï/🫙/naïve name.txt")).hasContent("content");
    assertThat(back.resolve("ünï/🫙/empty")).isEmptyDirectory();
    assertThat(Files.isExecutable(back.resolve("run.sh"))).isTrue();
    assertThat(Files.isSymbolicLink(back.resolve("link"))).isFalse();
  }

  @Test
  void walksAndGlobsSeeTheGuestsTree() {
    sandbox
        .sh(
            "mkdir -p /tmp/w/a/b /tmp/w/c && cd /tmp/w && touch x.ts a/y.ts a/b/z.ts c/n.js && ln -s . loop")
        .text();
    assertThat(paths(fs.walk("/tmp/w")))
        .containsExactly(
            "/tmp/w",
            "/tmp/w/a",
            "/tmp/w/a/b",
            "/tmp/w/a/b/z.ts",
            "/tmp/w/a/y.ts",
            "/tmp/w/c",
            "/tmp/w/c/n.js",
            "/tmp/w/loop",
            "/tmp/w/x.ts");
    assertThat(paths(fs.expandGlob("/tmp/w/**/*.ts")))
        .containsExactly("/tmp/w/a/b/z.ts", "/tmp/w/a/y.ts", "/tmp/w/x.ts");
    assertThat(paths(fs.expandGlob("/tmp/w/?/*.{ts,js}")))
        .containsExactly("/tmp/w/a/y.ts", "/tmp/w/c/n.js");
  }

  @Test
  void hostileTreesComeBackWithoutWhatLeadsOut() throws IOException {
    sandbox
        .sh(
            "mkdir -p /tmp/evil && cd /tmp/evil && ln -s /etc/passwd passwd && ln -s / root"
                + " && mkfifo pipe && echo fine > plain && mkdir -p deep && ln -s ../.. deep/up")
        .text();
    Path back = host.resolve("back");
    fs.download("/tmp/evil", back);
    try (Stream<Path> all = Files.walk(back)) {
      assertThat(all.map(path -> back.relativize(path).toString()))
          .containsExactlyInAnyOrder("", "plain", "deep");
    }
  }

  private static List<String> paths(Stream<WalkEntry> entries) {
    try (entries) {
      return entries.map(WalkEntry::path).toList();
    }
  }

  private static long usedHeap() {
    System.gc();
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }

  /** So much of what no compression or luck could make up. */
  private static final class Noise extends InputStream {
    private final SplittableRandom random = new SplittableRandom(7);
    private final MessageDigest digest;
    private int left = LARGE;

    Noise(MessageDigest digest) {
      this.digest = digest;
    }

    @Override
    public int read() {
      throw new UnsupportedOperationException("it is read in blocks");
    }

    @Override
    public int read(byte[] target, int offset, int length) {
      if (left == 0) {
        return -1;
      }
      byte[] part = new byte[Math.min(length, left)];
      random.nextBytes(part);
      digest.update(part);
      System.arraycopy(part, 0, target, offset, part.length);
      left -= part.length;
      return part.length;
    }
  }

  @Test
  @Timeout(60)
  void largeFileThatMayNotBeWrittenIsRefusedAtOnce() {
    byte[] large = new byte[3 << 20];
    assertThatExceptionOfType(PermissionDeniedException.class)
        .isThrownBy(() -> fs.writeFile("/etc/large", large));
    assertThatExceptionOfType(NotFoundException.class)
        .isThrownBy(() -> fs.writeFile("/none/large", large));
  }
}
