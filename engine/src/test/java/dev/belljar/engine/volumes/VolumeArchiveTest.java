package dev.belljar.engine.volumes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIOException;

import dev.belljar.BelljarException;
import dev.belljar.ByteSize;
import dev.belljar.PageRequest;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.Volume;
import dev.belljar.VolumeOptions;
import dev.belljar.engine.volumes.VolumeStore.Opened;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** With the host's own tools and without machines. */
@Timeout(60)
class VolumeArchiveTest {
  private static final String ME = "me";
  private static final ByteSize SIZE = ByteSize.parse("300MB");

  @TempDir private Path directory;
  private VolumeStore store;
  private VolumeStore elsewhere;
  private BootImage image;

  @BeforeEach
  void open() throws IOException {
    image = image("image", "an image");
    store = opened("storage");
    elsewhere = opened("elsewhere");
  }

  private BootImage image(String name, String content) throws IOException {
    Path root = Files.createDirectories(directory.resolve(name));
    Files.writeString(root.resolve(BootImage.NAME), content);
    return new BootImage("0123abcd", root);
  }

  private VolumeStore opened(String name) throws IOException {
    return Disks.store(directory.resolve(name), Disks.merger(), InstantSource.system());
  }

  @AfterEach
  void close() throws IOException {
    store.close();
    elsewhere.close();
  }

  private byte[] exported(String name, boolean withImage) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    store.exportTo(ME, name, withImage, out);
    return out.toByteArray();
  }

  private Volume imported(byte[] archive, String name) throws IOException {
    return elsewhere.importFrom(ME, Optional.of(name), image, new ByteArrayInputStream(archive));
  }

  /** What a machine would write. */
  private void write(String volume, int at, int pattern) throws Exception {
    try (Opened opened = store.openVolume(ME, volume, "sbx")) {
      qemuIo("write -P " + pattern + " " + at + "M 64k", opened.layers().getFirst());
    }
  }

  private static void qemuIo(String command, Path file) throws Exception {
    Process process =
        new ProcessBuilder("qemu-io", "-f", "qcow2", "-c", command, file.toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    assertThat(said).doesNotContain("failed");
  }

  private static Set<String> files(Path below) {
    try (Stream<Path> all = Files.walk(below)) {
      return new TreeSet<>(
          all.map(file -> below.relativize(file).toString())
              .filter(name -> !name.startsWith("leases"))
              .toList());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void aVolumeIsTheSameElsewhere() throws Exception {
    store.create(ME, VolumeOptions.of("data", SIZE), image);
    write("data", 100, 7);
    store.snapshot(ME, "data", "frozen");
    write("data", 250, 9);
    Set<String> before = files(directory.resolve("storage"));
    byte[] archive = exported("data", true);
    assertThat(files(directory.resolve("storage"))).isEqualTo(before);
    assertThat(archive.length).as("holes are left out").isLessThan(64 << 20);

    Volume volume = imported(archive, "copy");
    assertThat(volume.slug()).isEqualTo("copy");
    assertThat(volume.capacity()).isEqualTo(SIZE.bytes());
    assertThat(volume.bootable()).isFalse();
    assertThat(files(directory.resolve("elsewhere/layers"))).hasSize(3);
    try (Opened opened = elsewhere.openVolume(ME, "copy", "sbx")) {
      Path file = opened.layers().getFirst();
      assertThat(opened.layers()).hasSize(1);
      qemuIo("read -P 7 100M 64k", file);
      qemuIo("read -P 9 250M 64k", file);
      qemuIo("read -P 0 251M 64k", file);
    }
    // Of the snapshot, what it holds.
    Volume older = imported(exported("frozen", true), "older");
    try (Opened opened = elsewhere.openVolume(ME, older.id(), "sbx")) {
      qemuIo("read -P 7 100M 64k", opened.layers().getFirst());
      qemuIo("read -P 0 250M 64k", opened.layers().getFirst());
    }
    // And the whole way once more.
    elsewhere.deleteVolume(ME, "copy");
    assertThat(imported(archive, "copy").allocatedSize()).isEqualTo(volume.allocatedSize());
  }

  @Test
  void anExportIsAnOrdinaryTar() throws Exception {
    store.create(ME, VolumeOptions.of("root", SIZE).from(VolumeOptions.BUILTIN), image);
    Path file = directory.resolve("root.tar");
    Files.write(file, exported("root", true));
    Process tar = new ProcessBuilder("tar", "tf", file.toString()).start();
    List<String> names =
        new String(tar.getInputStream().readAllBytes(), StandardCharsets.UTF_8).lines().toList();
    assertThat(tar.waitFor()).isZero();
    assertThat(names).startsWith("manifest.json", "root.erofs", "disk/00000");
  }

  @Test
  void theNameIsTheOneThatItHadUnlessAnotherIsGiven() throws IOException {
    store.create(ME, VolumeOptions.of("data", SIZE), image);
    byte[] archive = exported("data", true);
    InputStream in = new ByteArrayInputStream(archive);
    assertThat(elsewhere.importFrom(ME, Optional.empty(), image, in).slug()).isEqualTo("data");
    refuses(Reason.SLUG_TAKEN, () -> imported(archive, "data"), "data");
  }

  @Test
  void anImageGoesAlongAndIsUsedWhereItIsTheSame() throws IOException {
    store.create(ME, VolumeOptions.of("root", SIZE).from(VolumeOptions.BUILTIN), image);
    byte[] with = exported("root", true);
    byte[] without = exported("root", false);
    assertThat(imported(without, "same").bootable()).isTrue();
    assertThat(files(directory.resolve("elsewhere/images"))).contains("0123abcd/root.erofs");
    elsewhere.deleteVolume(ME, "same");

    // An image of the same recipe that came out differently is another one.
    image = image("other", "another image");
    try (VolumeStore third = opened("third")) {
      InputStream in = new ByteArrayInputStream(without);
      refuses(
          Reason.NOT_FOUND,
          () -> third.importFrom(ME, Optional.empty(), image, in),
          "--without-image");
      third.importFrom(ME, Optional.empty(), image, new ByteArrayInputStream(with));
      third.create(ME, VolumeOptions.of("own", SIZE).from(VolumeOptions.BUILTIN), image);
      String brought = "sha256-" + Sums.of(directory.resolve("image/root.erofs"));
      assertThat(third.imageDirectory(brought).resolve(BootImage.NAME)).hasContent("an image");
      assertThat(third.imageDirectory("0123abcd").resolve(BootImage.NAME))
          .hasContent("another image");
      try (Opened opened = third.openRoot(ME, "root", "sbx")) {
        assertThat(opened.image()).contains(brought);
      }
      // By now it is there.
      third.importFrom(ME, Optional.of("again"), image, new ByteArrayInputStream(without));
    }
  }

  @Test
  void whatASandboxHasIsBusyAndASnapshotOfItIsNot() throws IOException {
    store.create(ME, VolumeOptions.of("data", SIZE), image);
    store.snapshot(ME, "data", "frozen");
    try (Opened opened = store.openVolume(ME, "data", "sbx_one")) {
      assertThat(opened.writable()).isTrue();
      refuses(Reason.BUSY, () -> exported("data", true), "snapshots create data NAME --endpoint");
      assertThat(exported("frozen", true)).isNotEmpty();
    }
    refuses(Reason.NOT_FOUND, () -> exported("nothing", true), "nothing");
    refuses(
        Reason.NOT_FOUND,
        () -> store.exportTo("other", "data", true, OutputStream.nullOutputStream()),
        "data");
  }

  @Test
  void aStreamThatTakesNothingMoreLeavesNothing() throws IOException {
    store.create(ME, VolumeOptions.of("data", SIZE), image);
    Set<String> before = files(directory.resolve("storage"));
    OutputStream full =
        new OutputStream() {
          private int written;

          @Override
          public void write(int octet) throws IOException {
            if (written++ > 100_000) {
              throw new IOException("full");
            }
          }
        };
    assertThatIOException().isThrownBy(() -> store.exportTo(ME, "data", true, full));
    assertThat(files(directory.resolve("storage"))).isEqualTo(before);
    assertThat(store.volume(ME, "data").orElseThrow().holder()).isEmpty();
  }

  // What others may send.

  private interface Work {
    void run() throws IOException;
  }

  private static void refuses(Reason reason, Work work, String said) {
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(work::run)
        .satisfies(e -> assertThat(e.reason()).isEqualTo(reason))
        .withMessageContaining(said);
  }

  private static final byte[] QCOW2 = {'Q', 'F', 'I', (byte) 0xfb, 0, 0, 0, 3};

  /** An archive of one chunk, put together by hand. */
  private static byte[] archive(
      UnaryOperator<String> manifest, UnaryOperator<List<Ustar.Entry>> entries) throws IOException {
    byte[] chunk = new byte[ArchiveManifest.CHUNK];
    System.arraycopy(QCOW2, 0, chunk, 0, QCOW2.length);
    var digest = Sums.sha256();
    Sums.update(digest, 3, chunk);
    String json =
        """
        {"format":"belljar-volume","version":1,"slug":"x","capacity":300000000,
         "disk":{"chunks":1,"sha256":"%s"},"image":null}
        """
            .formatted(HexFormat.of().formatHex(digest.digest()));
    byte[] told = manifest.apply(json).getBytes(StandardCharsets.UTF_8);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Ustar.Writer tar = new Ustar.Writer(out);
    List<Ustar.Entry> all = new ArrayList<>();
    all.add(new Ustar.Entry("manifest.json", told.length));
    all.add(new Ustar.Entry("disk/00003", chunk.length));
    for (Ustar.Entry entry : entries.apply(all)) {
      tar.begin(entry);
      byte[] content = entry.name().equals("manifest.json") ? told : chunk;
      out.write(content, 0, (int) Math.min(content.length, entry.bytes()));
      tar.pad(entry.bytes());
    }
    tar.end();
    return out.toByteArray();
  }

  @Test
  void aDiskThatLooksLikeQcow2IsADiskThatLooksLikeQcow2() throws Exception {
    imported(archive(json -> json, all -> all), "x");
    try (Opened opened = elsewhere.openVolume(ME, "x", "sbx")) {
      assertThat(opened.bytes()).isEqualTo(287L << 20);
      qemuIo("read -P 81 3M 1", opened.layers().getFirst());
      qemuIo("read -P 0 0 1M", opened.layers().getFirst());
    }
  }

  static Stream<Arguments> hostile() throws IOException {
    byte[] whole = archive(json -> json, all -> all);
    byte[] wrongByte = whole.clone();
    wrongByte[2048] ^= 1;
    byte[] link = whole.clone();
    link[156] = '2';
    byte[] wide = whole.clone();
    wide[124] = (byte) (wide[124] + 8);
    wide[0] = (byte) (wide[0] - 8);
    byte[] otherName = whole.clone();
    otherName[0] = 'n';
    return Stream.of(
        Arguments.argumentSet("nothing", new byte[0], "ends too early"),
        Arguments.argumentSet("zeros", new byte[4096], "empty"),
        Arguments.argumentSet(
            "text", "hello".repeat(1000).getBytes(StandardCharsets.US_ASCII), "no tar"),
        Arguments.argumentSet("truncated", Arrays.copyOf(whole, 5000), "ends too early"),
        Arguments.argumentSet(
            "without an end", Arrays.copyOf(whole, whole.length - 1024), "ends too early"),
        Arguments.argumentSet("wrong sum", wrongByte, "SHA-256 of its disk"),
        Arguments.argumentSet("a link", link, "no tar of plain files"),
        Arguments.argumentSet("a size that is no number", wide, "none"),
        Arguments.argumentSet("a damaged header", otherName, "damaged"),
        bad("huge chunk", all -> with(all, 1, "disk/00003", Ustar.LARGEST), "no chunk"),
        bad("short chunk", all -> with(all, 1, "disk/00003", 1000), "no chunk"),
        bad("huge manifest", all -> with(all, 0, "manifest.json", 1 << 30), "begin with"),
        bad("outside", all -> with(all, 1, "../../00003", 1 << 20), "no chunk"),
        bad("absolute", all -> with(all, 1, "/etc/passwd", 1 << 20), "no chunk"),
        bad("behind the disk", all -> with(all, 1, "disk/00287", 1 << 20), "none of it"),
        bad("no disk", all -> all.subList(0, 1), "ends too early"),
        bad("twice", all -> List.of(all.get(0), all.get(1), all.get(1)), "more files"),
        bad("manifest twice", all -> List.of(all.get(0), all.get(0), all.get(1)), "no chunk"),
        bad("other order", all -> all.reversed(), "begin with"),
        told("no JSON", json -> "{", "cannot be read"),
        told("null", json -> "null", "none of a volume"),
        told("unknown field", json -> json.replace("\"slug\"", "\"a\":1,\"slug\""), "read"),
        told("no slug", json -> json.replace("\"slug\":\"x\",", ""), "lacks"),
        told("bad slug", json -> json.replace("\"x\"", "\"../x\""), "name"),
        told("version", json -> json.replace("\"version\":1", "\"version\":2"), "version 2"),
        told("format", json -> json.replace("belljar-volume", "other"), "none of a volume"),
        told("small", json -> json.replace("300000000", "1"), "out of bounds"),
        told("negative", json -> json.replace("300000000", "-1"), "out of bounds"),
        told("large", json -> json.replace("300000000", "9000000000000000000"), "out of bounds"),
        told("chunks", json -> json.replace("\"chunks\":1", "\"chunks\":2000000000"), "capacity"),
        told("fewer", json -> json.replace("\"chunks\":1", "\"chunks\":0"), "more files"),
        told("no image", json -> json.replace("null", image("a", 10, true)), "its image"),
        told("image name", json -> json.replace("null", image("../a", 10, true)), "image"),
        told("huge image", json -> json.replace("null", image("a", 1L << 40, true)), "image"),
        told("unknown image", json -> json.replace("null", image("a", 9, false)), "not on this"));
  }

  private static String image(String hash, long bytes, boolean included) {
    return "{\"hash\":\"%s\",\"bytes\":%d,\"sha256\":\"%s\",\"included\":%s}"
        .formatted(hash, bytes, "0".repeat(64), included);
  }

  private static List<Ustar.Entry> with(List<Ustar.Entry> all, int at, String name, long bytes) {
    List<Ustar.Entry> changed = new ArrayList<>(all);
    changed.set(at, new Ustar.Entry(name, bytes));
    return changed;
  }

  private static Arguments bad(String name, UnaryOperator<List<Ustar.Entry>> entries, String said)
      throws IOException {
    return Arguments.argumentSet(name, archive(json -> json, entries), said);
  }

  private static Arguments told(String name, UnaryOperator<String> manifest, String said)
      throws IOException {
    return Arguments.argumentSet(name, archive(manifest, all -> all), said);
  }

  @ParameterizedTest
  @MethodSource("hostile")
  void whatIsNoExportIsRefusedAndLeavesNothing(byte[] archive, String said) {
    Set<String> before = files(directory.resolve("elsewhere"));
    assertThatExceptionOfType(BelljarException.class)
        .isThrownBy(() -> imported(archive, "x"))
        .withMessageContaining(said);
    assertThat(files(directory.resolve("elsewhere")))
        .isSubsetOf(
            Stream.concat(before.stream(), Stream.of("layers", "catalog.json"))
                .collect(java.util.stream.Collectors.toSet()));
    assertThat(elsewhere.volumes(ME, PageRequest.FIRST).items()).isEmpty();
  }
}
