package dev.belljar.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import dev.belljar.AlreadyExistsException;
import dev.belljar.BelljarException;
import dev.belljar.DirEntry;
import dev.belljar.DirectoryNotEmptyException;
import dev.belljar.FileInfo;
import dev.belljar.FileSystemOperationException;
import dev.belljar.FileType;
import dev.belljar.FilesystemLoopException;
import dev.belljar.InvalidOptionException;
import dev.belljar.IsADirectoryException;
import dev.belljar.NotADirectoryException;
import dev.belljar.NotFoundException;
import dev.belljar.PermissionDeniedException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxClosedException;
import dev.belljar.SandboxFs;
import dev.belljar.WriteOptions;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Instant;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Every operation on files, as it succeeds and as it fails. */
@Timeout(60)
class FilesIT {
  private static Sandbox sandbox;
  private static SandboxFs fs;

  /** New and empty for each test. */
  private String dir;

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
  void aReaderThatIsInterruptedIsToldSo() {
    sandbox.sh("mkfifo " + dir + "/fifo").text();
    Thread me = Thread.currentThread();
    Thread.ofVirtual()
        .start(
            () -> {
              await().until(() -> me.getState() == Thread.State.WAITING);
              me.interrupt();
            });
    assertThatExceptionOfType(BelljarException.class)
        .isThrownBy(() -> fs.readFile(dir + "/fifo"))
        .isNotInstanceOf(SandboxClosedException.class)
        .withMessageStartingWith("Interrupted");
    assertThat(Thread.interrupted()).isTrue();
    assertThat(sandbox.sh("echo fine").text()).isEqualTo("fine\n");
  }

  @Test
  void permissionBitsHaveBounds() {
    for (int mode : new int[] {-1, 010000}) {
      List<ThrowingCallable> all =
          List.of(
              () -> fs.chmod(dir, mode),
              () -> fs.mkdir(dir + "/x", false, OptionalInt.of(mode)),
              () -> WriteOptions.DEFAULT.withMode(mode));
      for (ThrowingCallable each : all) {
        assertThatExceptionOfType(InvalidOptionException.class)
            .isThrownBy(each)
            .withMessageContaining("07777");
      }
    }
  }

  @BeforeEach
  void makeDirectory() {
    dir = fs.makeTempDir();
  }

  @Test
  void aFileIsReadAsItWasWritten() {
    fs.writeTextFile(dir + "/a", "ü🫙");
    assertThat(fs.readTextFile(dir + "/a")).isEqualTo("ü🫙");
    fs.writeFile(dir + "/a", new byte[] {0, -1});
    assertThat(fs.readFile(dir + "/a")).containsExactly(0, -1);
    fs.writeFile(dir + "/a", new byte[0]);
    assertThat(fs.readFile(dir + "/a")).isEmpty();
  }

  @Test
  void whatIsNotThereIsNotFound() {
    String missing = dir + "/missing";
    for (ThrowingCallable call :
        List.<ThrowingCallable>of(
            () -> fs.readFile(missing),
            () -> fs.readDir(missing).close(),
            () -> fs.newInputStream(missing),
            () -> fs.stat(missing),
            () -> fs.lstat(missing),
            () -> fs.remove(missing),
            () -> fs.rename(missing, dir + "/x"),
            () -> fs.chmod(missing, 0600),
            () -> fs.chown(missing, OptionalInt.of(1000), OptionalInt.empty()),
            () -> fs.copyFile(missing, dir + "/x"),
            () -> fs.link(missing, dir + "/x"),
            () -> fs.readLink(missing),
            () -> fs.realPath(missing),
            () -> fs.truncate(missing, 1),
            () -> fs.utime(missing, Instant.EPOCH, Instant.EPOCH),
            () -> fs.mkdir(missing + "/x"),
            () -> fs.writeTextFile(missing + "/x", "x"),
            () -> fs.symlink("x", missing + "/x"),
            () -> fs.makeTempDir(missing, "", ""),
            () -> fs.makeTempFile(missing, "", ""),
            () ->
                fs.writeTextFile(
                    missing, "x", new WriteOptions(false, false, false, OptionalInt.empty())),
            () -> fs.open(missing, dev.belljar.OpenOptions.READ))) {
      fails(NotFoundException.class, "ENOENT", call);
    }
    assertThat(fs.exists(missing)).isFalse();
  }

  @Test
  void aDirectoryIsNoFileAndAFileIsNoDirectory() {
    fails(IsADirectoryException.class, "EISDIR", () -> fs.readFile(dir));
    fails(IsADirectoryException.class, "EISDIR", () -> fs.writeTextFile(dir, "x"));
    fs.writeTextFile(dir + "/file", "x");
    for (ThrowingCallable call :
        List.<ThrowingCallable>of(
            () -> fs.stat(dir + "/file/x"),
            () -> fs.mkdir(dir + "/file/x"),
            () -> fs.mkdirs(dir + "/file/x/y"),
            () -> fs.readDir(dir + "/file").close(),
            () -> fs.rename(dir, dir + "/file"))) {
      assertThatExceptionOfType(FileSystemOperationException.class)
          .isThrownBy(call)
          .satisfies(e -> assertThat(e.code()).isIn("ENOTDIR", "EINVAL"));
    }
    fails(NotADirectoryException.class, "ENOTDIR", () -> fs.readDir(dir + "/file").close());
  }

  @Test
  void aPathThatCannotBeIsRefused() {
    fails(NotFoundException.class, "ENOENT", () -> fs.stat(""));
    fails(NotFoundException.class, "ENOENT", () -> fs.writeTextFile("", "x"));
    assertThatExceptionOfType(InvalidOptionException.class).isThrownBy(() -> fs.stat("a\0b"));
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> fs.writeTextFile("a\0b", "x"));
    String most = "n".repeat(255);
    fs.writeTextFile(dir + "/" + most, "long");
    assertThat(fs.readTextFile(dir + "/" + most)).isEqualTo("long");
    fails(
        FileSystemOperationException.class, "ENAMETOOLONG", () -> fs.stat(dir + "/" + most + "n"));
    for (int length : new int[] {4096, 5000, 70_000}) {
      fails(
          FileSystemOperationException.class,
          "ENAMETOOLONG",
          () -> fs.stat("/" + "a/".repeat(length / 2)));
    }
  }

  @Test
  void writingAppendsOrMakesAnewAsAsked() {
    String file = dir + "/file";
    fs.writeTextFile(file, "one", WriteOptions.CREATE_NEW);
    fails(
        AlreadyExistsException.class,
        "EEXIST",
        () -> fs.writeTextFile(file, "x", WriteOptions.CREATE_NEW));
    fs.writeTextFile(file, "two", WriteOptions.APPEND);
    assertThat(fs.readTextFile(file)).isEqualTo("onetwo");
    fs.writeTextFile(file, "3");
    assertThat(fs.readTextFile(file)).isEqualTo("3");
  }

  @Test
  void newFilesGetTheModeLessTheUmask() {
    assertThat(fs.umask()).isEqualTo(022);
    fs.writeTextFile(dir + "/plain", "x");
    fs.writeTextFile(dir + "/script", "x", WriteOptions.DEFAULT.withMode(0777));
    fs.mkdir(dir + "/inner");
    assertThat(permissions("plain")).isEqualTo(0644);
    assertThat(permissions("script")).isEqualTo(0755);
    assertThat(permissions("inner")).isEqualTo(0755);
    assertThat(fs.umask(077)).isEqualTo(022);
    try {
      fs.writeTextFile(dir + "/private", "x");
      assertThat(permissions("private")).isEqualTo(0600);
      assertThat(sandbox.sh("umask").text()).isEqualTo("0077\n");
    } finally {
      assertThat(fs.umask(022)).isEqualTo(077);
    }
    assertThatExceptionOfType(InvalidOptionException.class).isThrownBy(() -> fs.umask(01000));
  }

  private int permissions(String name) {
    return fs.stat(dir + "/" + name).mode() & 07777;
  }

  @Test
  void aDirectoryTellsItsEntries() {
    sandbox.sh("mkfifo p; mkdir d; touch f; ln -s nowhere l").cwd(dir).text();
    try (Stream<DirEntry> entries = fs.readDir(dir)) {
      assertThat(entries)
          .containsExactlyInAnyOrder(
              new DirEntry("p", FileType.FIFO),
              new DirEntry("d", FileType.DIRECTORY),
              new DirEntry("f", FileType.FILE),
              new DirEntry("l", FileType.SYMLINK));
    }
  }

  @Test
  void removingIsRecursiveOnlyWhenAsked() {
    fs.mkdirs(dir + "/a/b");
    fs.writeTextFile(dir + "/kept", "x");
    fs.symlink(dir + "/kept", dir + "/a/b/link");
    fs.symlink(dir, dir + "/a/up");
    fails(DirectoryNotEmptyException.class, "ENOTEMPTY", () -> fs.remove(dir + "/a"));
    fs.remove(dir + "/a", true);
    assertThat(fs.exists(dir + "/a")).isFalse();
    assertThat(fs.exists(dir + "/kept")).as("links are never followed").isTrue();
    fs.remove(dir + "/kept");
    fs.remove(dir);
    assertThat(fs.exists(dir)).isFalse();
  }

  @Test
  void directoriesAreMadeOnceOrWithThoseAbove() {
    fs.mkdir(dir + "/a", false, OptionalInt.of(0700));
    assertThat(permissions("a")).isEqualTo(0700);
    fails(AlreadyExistsException.class, "EEXIST", () -> fs.mkdir(dir + "/a"));
    fs.mkdirs(dir + "/a");
    fs.mkdirs(dir + "/b/c/d");
    assertThat(fs.stat(dir + "/b/c/d").isDirectory()).isTrue();
  }

  @Test
  void renamingReplaces() {
    fs.writeTextFile(dir + "/a", "a");
    fs.writeTextFile(dir + "/b", "b");
    fs.rename(dir + "/a", dir + "/b");
    assertThat(fs.readTextFile(dir + "/b")).isEqualTo("a");
    assertThat(fs.exists(dir + "/a")).isFalse();
  }

  @Test
  void linksTellWhereTheyLead() {
    fs.writeTextFile(dir + "/a", "a");
    fs.symlink("a", dir + "/soft");
    fs.link(dir + "/a", dir + "/hard");
    assertThat(fs.readLink(dir + "/soft")).isEqualTo("a");
    assertThat(fs.realPath(dir + "/soft")).isEqualTo(dir + "/a");
    assertThat(fs.lstat(dir + "/soft").isSymlink()).isTrue();
    assertThat(fs.stat(dir + "/soft").isFile()).isTrue();
    assertThat(fs.stat(dir + "/hard").nlink()).isEqualTo(2);
    assertThat(fs.stat(dir + "/hard").ino()).isEqualTo(fs.stat(dir + "/a").ino());
    fails(FileSystemOperationException.class, "EINVAL", () -> fs.readLink(dir + "/a"));
    fails(AlreadyExistsException.class, "EEXIST", () -> fs.symlink("a", dir + "/soft"));
    fails(AlreadyExistsException.class, "EEXIST", () -> fs.link(dir + "/a", dir + "/soft"));
  }

  @Test
  void linksThatLeadToOneAnotherAreALoop() {
    fs.symlink("b", dir + "/a");
    fs.symlink("a", dir + "/b");
    fails(FilesystemLoopException.class, "ELOOP", () -> fs.stat(dir + "/a"));
    fails(FilesystemLoopException.class, "ELOOP", () -> fs.readFile(dir + "/a"));
    fails(FilesystemLoopException.class, "ELOOP", () -> fs.realPath(dir + "/a"));
    assertThat(fs.lstat(dir + "/a").isSymlink()).isTrue();
  }

  @Test
  void whatAppMayNotIsDenied() {
    fails(PermissionDeniedException.class, "EACCES", () -> fs.readFile("/etc/shadow"));
    fails(PermissionDeniedException.class, "EACCES", () -> fs.writeTextFile("/etc/x", "x"));
    fails(PermissionDeniedException.class, "EACCES", () -> fs.mkdir("/etc/x"));
    fails(PermissionDeniedException.class, "EPERM", () -> fs.chmod("/etc/passwd", 0777));
    fails(PermissionDeniedException.class, "EACCES", () -> fs.remove("/etc/passwd"));
    fails(
        PermissionDeniedException.class,
        "EPERM",
        () -> fs.chown(dir, OptionalInt.of(0), OptionalInt.empty()));
    fs.chown(dir, OptionalInt.of(1000), OptionalInt.of(1000));
  }

  @Test
  void aCopyKeepsTheMode() {
    fs.writeTextFile(dir + "/a", "content");
    fs.chmod(dir + "/a", 0751);
    fs.copyFile(dir + "/a", dir + "/b");
    assertThat(fs.readTextFile(dir + "/b")).isEqualTo("content");
    assertThat(permissions("b")).isEqualTo(0751);
    assertThatExceptionOfType(FileSystemOperationException.class)
        .isThrownBy(() -> fs.copyFile(dir, dir + "/c"));
  }

  @Test
  void sizeAndTimesAreSet() {
    fs.writeTextFile(dir + "/a", "content");
    fs.truncate(dir + "/a", 3);
    assertThat(fs.readTextFile(dir + "/a")).isEqualTo("con");
    fs.truncate(dir + "/a", 1L << 33);
    Instant access = Instant.parse("2001-02-03T04:05:06.123456789Z");
    Instant modification = Instant.parse("1969-12-31T23:59:59.5Z");
    fs.utime(dir + "/a", access, modification);
    FileInfo info = fs.stat(dir + "/a");
    assertThat(info.size()).isEqualTo(1L << 33);
    assertThat(info.blocks()).isLessThan(100);
    assertThat(info.atime()).isEqualTo(access);
    assertThat(info.mtime()).isEqualTo(modification);
    assertThat(info.uid()).isEqualTo(1000);
    assertThat(info.birthtime()).isPresent();
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> fs.truncate(dir + "/a", -1));
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> fs.utime(dir + "/a", Instant.MAX, Instant.MAX));
  }

  @Test
  void temporaryNamesAreNewAndOnlyForTheirOwner() {
    String file = fs.makeTempFile(dir, "pre-", ".txt");
    String directory = fs.makeTempDir(dir, "pre-", "-post");
    assertThat(file).startsWith(dir + "/pre-").endsWith(".txt");
    assertThat(fs.stat(file).mode() & 07777).isEqualTo(0600);
    assertThat(fs.stat(directory).mode() & 07777).isEqualTo(0700);
    assertThat(fs.makeTempFile(dir, "pre-", ".txt")).isNotEqualTo(file);
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> fs.makeTempFile(dir, "../x", ""));
  }

  @Test
  void relativePathsBeginAtTheWorkingDirectory() {
    fs.writeTextFile("relative", "x");
    assertThat(fs.readTextFile("/home/app/relative")).isEqualTo("x");
    assertThat(fs.realPath(".")).isEqualTo("/home/app");
    assertThat(fs.realPath("/app")).isEqualTo("/home/app");
  }

  @Test
  void streamsReportWhatTheGuestSays() throws IOException {
    try (OutputStream out = fs.newOutputStream(dir + "/a", WriteOptions.DEFAULT)) {
      out.write("one ".getBytes(UTF_8));
      out.write("two".getBytes(UTF_8));
    }
    try (InputStream in = fs.newInputStream(dir + "/a")) {
      assertThat(new String(in.readAllBytes(), UTF_8)).isEqualTo("one two");
    }
    Consumer<String> write =
        path -> {
          try (OutputStream out = fs.newOutputStream(path, WriteOptions.DEFAULT)) {
            out.write(1);
          } catch (IOException e) {
            throw new AssertionError(e);
          }
        };
    fails(IsADirectoryException.class, "EISDIR", () -> write.accept(dir));
    fails(PermissionDeniedException.class, "EACCES", () -> write.accept("/etc/x"));
  }

  private static void fails(
      Class<? extends FileSystemOperationException> type, String code, ThrowingCallable call) {
    assertThatExceptionOfType(FileSystemOperationException.class)
        .isThrownBy(call)
        .isInstanceOf(type)
        .satisfies(e -> assertThat(e.code()).isEqualTo(code));
  }
}
