package dev.belljar.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.AlreadyExistsException;
import dev.belljar.BadResourceException;
import dev.belljar.FileSystemOperationException;
import dev.belljar.FsFile;
import dev.belljar.FsFile.SeekMode;
import dev.belljar.OpenOptions;
import dev.belljar.Sandbox;
import dev.belljar.SandboxFs;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Open files: position, content, locks, pipes. */
@Timeout(60)
class OpenFilesIT {
  private static Sandbox sandbox;
  private static SandboxFs fs;
  private String path;

  @BeforeAll
  static void create() {
    sandbox = Sandbox.create();
    fs = sandbox.fs();
  }

  @AfterAll
  static void close() {
    sandbox.close();
  }

  @BeforeEach
  void choosePath() {
    path = fs.makeTempDir() + "/file";
  }

  @Test
  void aFileIsReadAndWrittenAtItsPosition() {
    try (FsFile file = fs.create(path)) {
      file.write("hello world".getBytes(UTF_8));
      assertThat(file.seek(6, SeekMode.START)).isEqualTo(6);
      byte[] buffer = new byte[100];
      assertThat(file.read(buffer)).isEqualTo(5);
      assertThat(new String(buffer, 0, 5, UTF_8)).isEqualTo("world");
      assertThat(file.read(buffer)).isEqualTo(-1);
      assertThat(file.read(buffer, 0, 0)).isZero();
      assertThat(file.seek(-5, SeekMode.END)).isEqualTo(6);
      assertThat(file.seek(1, SeekMode.CURRENT)).isEqualTo(7);
      file.write("ORLD!".getBytes(UTF_8));
      assertThatExceptionOfType(FileSystemOperationException.class)
          .isThrownBy(() -> file.seek(-1, SeekMode.START))
          .satisfies(e -> assertThat(e.code()).isEqualTo("EINVAL"));
    }
    assertThat(fs.readTextFile(path)).isEqualTo("hello wORLD!");
  }

  @Test
  void moreThanOneMessageIsReadAndWritten() {
    byte[] content = new byte[1_000_000];
    new java.util.Random(1).nextBytes(content);
    try (FsFile file = fs.create(path)) {
      file.write(content);
      assertThat(file.stat().size()).isEqualTo(content.length);
      file.seek(0, SeekMode.START);
      byte[] back = new byte[content.length + 1];
      assertThat(file.read(back)).isEqualTo(content.length);
      assertThat(Arrays.copyOf(back, content.length)).isEqualTo(content);
      assertThat(file.read(back)).isEqualTo(-1);
    }
  }

  @Test
  void whatSeveralReadAtOnceHangsTogether() throws Exception {
    byte[] content = new byte[4 << 20];
    for (int i = 0; i < content.length; i++) {
      content[i] = (byte) (i >> 16);
    }
    fs.writeFile(path, content);
    try (FsFile file = fs.open(path, OpenOptions.READ)) {
      List<FutureTask<byte[]>> readers = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        FutureTask<byte[]> reader =
            new FutureTask<>(
                () -> {
                  byte[] part = new byte[1 << 20];
                  assertThat(file.read(part)).isEqualTo(part.length);
                  return part;
                });
        readers.add(reader);
        Thread.ofVirtual().start(reader);
      }
      for (FutureTask<byte[]> reader : readers) {
        byte[] part = reader.get(30, TimeUnit.SECONDS);
        int at = (part[0] & 0xff) << 16;
        assertThat(part).isEqualTo(Arrays.copyOfRange(content, at, at + part.length));
      }
    }
  }

  @Test
  void aDeviceGivesWhatItHas() {
    try (FsFile zeroes = fs.open("/dev/zero", OpenOptions.READ)) {
      assertThat(zeroes.read(new byte[1_000_000])).isBetween(1, 64 << 10);
    }
  }

  @Test
  void aFileIsTruncatedSyncedAndDated() {
    try (FsFile file = fs.create(path)) {
      file.write(new byte[10]);
      file.truncate(4);
      file.sync();
      file.syncData();
      file.utime(Instant.ofEpochSecond(5), Instant.ofEpochSecond(7));
      assertThat(file.stat().size()).isEqualTo(4);
      assertThat(file.stat().atime()).isEqualTo(Instant.ofEpochSecond(5));
      assertThat(file.stat().mtime()).isEqualTo(Instant.ofEpochSecond(7));
    }
  }

  @Test
  void optionsDecideWhatIsMade() {
    OpenOptions fresh =
        new OpenOptions(false, true, false, false, false, true, OptionalInt.of(0640));
    fs.open(path, fresh).close();
    assertThat(fs.stat(path).mode() & 07777).isEqualTo(0640);
    assertThatExceptionOfType(AlreadyExistsException.class).isThrownBy(() -> fs.open(path, fresh));
    fs.writeTextFile(path, "one");
    OpenOptions append =
        new OpenOptions(false, false, true, false, false, false, OptionalInt.empty());
    try (FsFile file = fs.open(path, append)) {
      file.seek(0, SeekMode.START);
      file.write("two".getBytes(UTF_8));
    }
    assertThat(fs.readTextFile(path)).isEqualTo("onetwo");
    fs.create(path).close();
    assertThat(fs.readTextFile(path)).isEmpty();
  }

  @Test
  void aFileOpenForOneThingRefusesTheOther() {
    fs.writeTextFile(path, "x");
    try (FsFile file = fs.open(path, OpenOptions.READ)) {
      assertThatExceptionOfType(BadResourceException.class)
          .isThrownBy(() -> file.write(new byte[1]));
    }
  }

  @Test
  void aClosedFileIsABadResource() {
    FsFile file = fs.create(path);
    file.close();
    file.close();
    assertThatExceptionOfType(BadResourceException.class).isThrownBy(file::stat);
    assertThatExceptionOfType(BadResourceException.class).isThrownBy(() -> file.read(new byte[1]));
  }

  @Test
  void aFileIsAlsoAStream() throws IOException {
    try (OutputStream out = fs.create(path).writable()) {
      out.write("as a stream".getBytes(UTF_8));
    }
    try (InputStream in = fs.open(path, OpenOptions.READ).readable()) {
      assertThat(new String(in.readAllBytes(), UTF_8)).isEqualTo("as a stream");
    }
  }

  @Test
  void anExclusiveLockWaitsForTheOther() throws Exception {
    try (FsFile one = fs.create(path);
        FsFile two = fs.open(path, OpenOptions.READ)) {
      one.lock(true);
      assertThat(sandbox.sh("flock -n " + path + " true").noThrow().output().status().success())
          .as("programs see the lock")
          .isFalse();
      FutureTask<Boolean> waiting = new FutureTask<>(() -> two.lock(true), true);
      Thread.ofVirtual().start(waiting);
      assertThat(sandbox.sh("sleep 0.2; echo").text()).isEqualTo("\n");
      assertThat(waiting).isNotDone();
      one.unlock();
      assertThat(waiting.get(10, TimeUnit.SECONDS)).isTrue();
      two.unlock();
      one.lock(false);
      two.lock(false);
    }
  }

  @Test
  void aReaderOfAPipeHoldsUpNothingElse() throws Exception {
    sandbox.sh("mkfifo " + path).text();
    FutureTask<String> reading = new FutureTask<>(() -> fs.readTextFile(path));
    Thread.ofVirtual().start(reading);
    for (int i = 0; i < 20; i++) {
      assertThat(fs.exists("/")).isTrue();
    }
    sandbox.sh("echo through > " + path).text();
    assertThat(reading.get(10, TimeUnit.SECONDS)).isEqualTo("through\n");
  }

  @Test
  void moreOpenFilesThanTheAgentHoldsAreRefused() {
    List<FsFile> open = new ArrayList<>();
    fs.writeTextFile(path, "x");
    try {
      assertThatExceptionOfType(FileSystemOperationException.class)
          .isThrownBy(
              () -> {
                while (open.size() < 2000) {
                  open.add(fs.open(path, OpenOptions.READ));
                }
              })
          .satisfies(e -> assertThat(e.code()).isIn("EMFILE", "ENFILE"));
      assertThat(open).hasSizeBetween(900, 1024);
    } finally {
      open.forEach(FsFile::close);
    }
    fs.open(path, OpenOptions.READ).close();
    assertThat(sandbox.sh("echo fine").text()).isEqualTo("fine\n");
  }
}
