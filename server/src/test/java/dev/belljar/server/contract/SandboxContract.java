package dev.belljar.server.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.belljar.AlreadyExistsException;
import dev.belljar.BadResourceException;
import dev.belljar.BelljarException;
import dev.belljar.Checkpoint;
import dev.belljar.ChildProcess;
import dev.belljar.ChildProcessStatus;
import dev.belljar.DenoProcess;
import dev.belljar.DenoRepl;
import dev.belljar.DirEntry;
import dev.belljar.DirectoryNotEmptyException;
import dev.belljar.EgressRecord;
import dev.belljar.FetchException;
import dev.belljar.FetchRequest;
import dev.belljar.FetchResponse;
import dev.belljar.FileInfo;
import dev.belljar.FileSystemOperationException;
import dev.belljar.FileType;
import dev.belljar.FilesystemLoopException;
import dev.belljar.FsFile;
import dev.belljar.FsFile.SeekMode;
import dev.belljar.GuestConnection;
import dev.belljar.InvalidOptionException;
import dev.belljar.IsADirectoryException;
import dev.belljar.NotADirectoryException;
import dev.belljar.NotFoundException;
import dev.belljar.OpenOptions;
import dev.belljar.PermissionDeniedException;
import dev.belljar.ProcessEndedException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxClosedException;
import dev.belljar.SandboxCommandException;
import dev.belljar.SandboxFs;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxPausedException;
import dev.belljar.ScriptError;
import dev.belljar.ScriptException;
import dev.belljar.Signal;
import dev.belljar.SpawnOptions;
import dev.belljar.SpawnOptions.Stdio;
import dev.belljar.Storage;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.WalkEntry;
import dev.belljar.WalkOptions;
import dev.belljar.WriteOptions;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What every sandbox does. One machine serves all tests, each in files of its own. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(120)
abstract class SandboxContract {
  private Sandbox sandbox;
  private SandboxFs fs;

  abstract Sandbox make(SandboxOptions.Builder options);

  /** That of those sandboxes. */
  abstract Storage storage();

  /** Before the first sandbox; {@code data} is an empty directory. */
  void start(Path data) {}

  /** After the last. */
  void stop() {}

  @BeforeAll
  void makeSandbox(@TempDir Path data) {
    start(data);
    sandbox =
        make(SandboxOptions.builder().env("GREETING", "hello").label("kind", "contract").vcpus(1));
    fs = sandbox.fs();
  }

  @AfterAll
  void closeSandbox() {
    sandbox.close();
    stop();
  }

  @Test
  void optionsArriveInTheMachine() {
    assertThat(sandbox.id()).matches("sbx_[a-z]{3}_[0-9a-hjkmnp-z]{20}");
    assertThat(sandbox.labels()).containsEntry("kind", "contract");
    assertThat(sandbox.env().get("GREETING")).contains("hello");
    assertThat(sandbox.sh("echo $GREETING; nproc").lines()).containsExactly("hello", "1");
    assertThat(sandbox.isolation().engine()).startsWith("QEMU");
    assertThat(sandbox.stopAt()).isEqualTo(Instant.MAX);
  }

  // Files

  @Test
  void filesOfEverySizeComeBackAsTheyWent() throws IOException {
    String directory = fs.makeTempDir();
    for (int size : new int[] {0, 1, 65_536, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 9_000_001}) {
      byte[] content = bytes(size);
      fs.writeFile(directory + "/a", content);
      assertThat(fs.readFile(directory + "/a")).isEqualTo(content);
      fs.writeFile(directory + "/b", new ByteArrayInputStream(content), WriteOptions.DEFAULT);
      try (InputStream in = fs.newInputStream(directory + "/b")) {
        assertThat(in.readAllBytes()).isEqualTo(content);
      }
      try (OutputStream out = fs.newOutputStream(directory + "/c", WriteOptions.DEFAULT)) {
        out.write(content);
      }
      assertThat(fs.readFile(directory + "/c")).isEqualTo(content);
      assertThat(fs.stat(directory + "/c").size()).isEqualTo(size);
    }
  }

  @Test
  void textIsUtf8AndOptionsOfWritingHold() {
    String file = fs.makeTempDir() + "/text";
    fs.writeTextFile(file, "grüße 🚀\n");
    fs.writeTextFile(file, "more", WriteOptions.APPEND);
    assertThat(fs.readTextFile(file)).isEqualTo("grüße 🚀\nmore");
    assertThatThrownBy(() -> fs.writeTextFile(file, "x", WriteOptions.CREATE_NEW))
        .isInstanceOf(AlreadyExistsException.class);
    assertThatThrownBy(
            () ->
                fs.writeTextFile(
                    file + "2", "x", new WriteOptions(false, false, false, OptionalInt.empty())))
        .isInstanceOf(NotFoundException.class);
    fs.writeTextFile(file + "3", "x", WriteOptions.DEFAULT.withMode(0600));
    assertThat(fs.stat(file + "3").mode() & 0777).isEqualTo(0600);
  }

  @Test
  void filesOfTheKernelCanBeRead() {
    assertThat(fs.readTextFile("/proc/version")).startsWith("Linux version");
  }

  @Test
  void relativePathsBeginAtTheWorkingDirectory() {
    fs.writeTextFile("relative.txt", "x");
    assertThat(fs.readTextFile("/home/app/relative.txt")).isEqualTo("x");
    assertThat(fs.realPath("relative.txt")).isEqualTo("/home/app/relative.txt");
    fs.remove("relative.txt");
  }

  @Test
  void errorsAreThoseOfTheKernel() {
    String directory = fs.makeTempDir();
    fs.writeTextFile(directory + "/file", "x");
    fs.symlink("loop", directory + "/loop");
    assertThatThrownBy(() -> fs.readFile(directory + "/none"))
        .isInstanceOfSatisfying(
            NotFoundException.class,
            e -> {
              assertThat(e.code()).isEqualTo("ENOENT");
              assertThat(e.errno()).isEqualTo(2);
              assertThat(e).hasMessageStartingWith("No such file or directory (os error 2): ");
            });
    assertThatThrownBy(() -> fs.mkdir(directory, false, OptionalInt.empty()))
        .isInstanceOf(AlreadyExistsException.class);
    assertThatThrownBy(() -> fs.readFile(directory)).isInstanceOf(IsADirectoryException.class);
    assertThatThrownBy(() -> list(directory + "/file")).isInstanceOf(NotADirectoryException.class);
    assertThatThrownBy(() -> fs.remove(directory)).isInstanceOf(DirectoryNotEmptyException.class);
    assertThatThrownBy(() -> fs.stat(directory + "/loop"))
        .isInstanceOf(FilesystemLoopException.class);
    assertThatThrownBy(() -> fs.writeTextFile("/etc/shadow", "x"))
        .isInstanceOf(PermissionDeniedException.class);
    assertThatThrownBy(() -> fs.writeFile("/proc/nowhere/x", bytes(3 << 20)))
        .isInstanceOf(FileSystemOperationException.class);
    assertThatThrownBy(() -> fs.rename(directory + "/file", "/proc/x"))
        .isInstanceOf(FileSystemOperationException.class);
    assertThatThrownBy(() -> fs.stat(""))
        .isInstanceOf(NotFoundException.class)
        .hasMessageStartingWith("No such file or directory (os error 2): ");
    assertThat(fs.exists("")).isFalse();
    assertThatThrownBy(() -> fs.stat("a\0b")).isInstanceOf(InvalidOptionException.class);
  }

  @Test
  void metadataIsWhatWasSet() {
    String directory = fs.makeTempDir();
    String file = directory + "/file";
    fs.writeTextFile(file, "12345");
    fs.chmod(file, 0640);
    fs.utime(file, Instant.ofEpochSecond(1000), Instant.ofEpochSecond(2000));
    FileInfo info = fs.stat(file);
    assertThat(info.isFile()).isTrue();
    assertThat(info.size()).isEqualTo(5);
    assertThat(info.mode() & 07777).isEqualTo(0640);
    assertThat(info.atime()).isEqualTo(Instant.ofEpochSecond(1000));
    assertThat(info.mtime()).isEqualTo(Instant.ofEpochSecond(2000));
    assertThat(info.uid()).isEqualTo(1000);
    assertThat(info.nlink()).isEqualTo(1);
    fs.chown(file, OptionalInt.empty(), OptionalInt.of(1000));
    fs.truncate(file, 2);
    assertThat(fs.readTextFile(file)).isEqualTo("12");
    assertThat(fs.stat("/dev/null").type()).isEqualTo(FileType.CHARACTER_DEVICE);
    assertThat(fs.stat("/").isDirectory()).isTrue();
  }

  @Test
  void linksAndCopiesAndMoves() {
    String directory = fs.makeTempDir();
    fs.writeTextFile(directory + "/a", "x");
    fs.link(directory + "/a", directory + "/hard");
    fs.symlink("a", directory + "/soft");
    fs.copyFile(directory + "/a", directory + "/copy");
    fs.rename(directory + "/copy", directory + "/moved");
    assertThat(fs.stat(directory + "/hard").nlink()).isEqualTo(2);
    assertThat(fs.readLink(directory + "/soft")).isEqualTo("a");
    assertThat(fs.lstat(directory + "/soft").isSymlink()).isTrue();
    assertThat(fs.realPath(directory + "/soft")).isEqualTo(directory + "/a");
    assertThat(list(directory))
        .containsExactlyInAnyOrder(
            new DirEntry("a", FileType.FILE),
            new DirEntry("hard", FileType.FILE),
            new DirEntry("soft", FileType.SYMLINK),
            new DirEntry("moved", FileType.FILE));
    fs.remove(directory, true);
    assertThat(fs.exists(directory)).isFalse();
  }

  @Test
  void umaskAndTemporaryFiles() {
    int old = fs.umask(077);
    try {
      assertThat(fs.umask()).isEqualTo(077);
      String file = fs.makeTempDir("/tmp", "pre", "post") + "/f";
      assertThat(file).startsWith("/tmp/pre").endsWith("post/f");
      fs.writeTextFile(file, "x");
      assertThat(fs.stat(file).mode() & 0777).isEqualTo(0600);
      assertThat(fs.stat(fs.makeTempFile("/tmp", "p", ".txt")).isFile()).isTrue();
    } finally {
      fs.umask(old);
    }
  }

  @Test
  void walksAndGlobsFindTheSame() {
    String root = fs.makeTempDir();
    fs.mkdirs(root + "/a/b");
    fs.writeTextFile(root + "/one.ts", "");
    fs.writeTextFile(root + "/a/two.ts", "");
    fs.writeTextFile(root + "/a/b/three.js", "");
    try (Stream<WalkEntry> all = fs.walk(root)) {
      assertThat(all.map(WalkEntry::path))
          .containsExactlyInAnyOrder(
              root,
              root + "/one.ts",
              root + "/a",
              root + "/a/two.ts",
              root + "/a/b",
              root + "/a/b/three.js");
    }
    try (Stream<WalkEntry> shallow = fs.walk(root, new WalkOptions(1, true, false, true))) {
      assertThat(shallow.map(WalkEntry::path)).containsExactly(root + "/one.ts");
    }
    try (Stream<WalkEntry> found = fs.expandGlob(root + "/**/*.ts")) {
      assertThat(found.map(WalkEntry::path))
          .containsExactlyInAnyOrder(root + "/one.ts", root + "/a/two.ts");
    }
    assertThatThrownBy(() -> fs.walk(root + "/none").toList())
        .isInstanceOf(NotFoundException.class);
  }

  @Test
  void walksAndGlobsGivePathsWithoutDots() {
    String root = fs.makeTempDir();
    fs.mkdirs(root + "/a/b");
    fs.writeTextFile(root + "/a/one.ts", "");
    try (Stream<WalkEntry> all = fs.walk(root + "//a/b/.././")) {
      assertThat(all.map(WalkEntry::path))
          .containsExactly(root + "/a/", root + "/a/b", root + "/a/one.ts");
    }
    try (Stream<WalkEntry> found = fs.expandGlob(root + "/./a/b/../*.ts")) {
      assertThat(found.map(WalkEntry::path)).containsExactly(root + "/a/one.ts");
    }
    try (Stream<WalkEntry> found = fs.expandGlob(root + "/a/*/")) {
      assertThat(found.map(WalkEntry::path)).containsExactly(root + "/a/b");
    }
  }

  @Test
  void followedLinkThatLeadsNowhereIsNotFound() {
    String root = fs.makeTempDir();
    fs.symlink("nowhere", root + "/dangling");
    WalkOptions following =
        new WalkOptions(9, true, true, true, true, true, List.of(), List.of(), List.of());
    assertThatThrownBy(() -> fs.walk(root, following).toList())
        .isInstanceOf(NotFoundException.class)
        .hasMessageContaining("dangling");
  }

  @Test
  void aWalkCanBeLeftHalfWay() {
    try (Stream<WalkEntry> entries = fs.walk("/usr")) {
      assertThat(entries.limit(3)).hasSize(3);
    }
    assertThat(fs.exists("/usr")).isTrue();
  }

  @Test
  void treesGoThereAndBack(@TempDir Path local) throws IOException {
    Path source = Files.createDirectories(local.resolve("source/sub"));
    Files.writeString(source.resolve("file"), "x");
    Files.writeString(local.resolve("source/run.sh"), "#!/bin/sh\n");
    String there = fs.makeTempDir() + "/tree";
    fs.upload(local.resolve("source"), there);
    assertThat(fs.readTextFile(there + "/sub/file")).isEqualTo("x");
    fs.download(there, local.resolve("back"));
    assertThat(local.resolve("back/sub/file")).hasContent("x");
    fs.chmod(there + "/run.sh", 04711);
    fs.download(there, local.resolve("modes"));
    assertThat(Files.getPosixFilePermissions(local.resolve("modes/run.sh")))
        .isEqualTo(PosixFilePermissions.fromString("rwx--x--x"));
  }

  @Test
  void openFilesSeekReadWriteAndLock() throws IOException {
    String path = fs.makeTempDir() + "/open";
    try (FsFile file = fs.create(path)) {
      file.write("hello world".getBytes(StandardCharsets.UTF_8));
      assertThat(file.seek(-5, SeekMode.END)).isEqualTo(6);
      byte[] buffer = new byte[100];
      assertThat(file.read(buffer)).isEqualTo(5);
      assertThat(new String(buffer, 0, 5, StandardCharsets.UTF_8)).isEqualTo("world");
      assertThat(file.read(buffer)).isEqualTo(-1);
      file.truncate(5);
      assertThat(file.stat().size()).isEqualTo(5);
      file.utime(Instant.ofEpochSecond(1), Instant.ofEpochSecond(2));
      assertThat(file.stat().mtime()).isEqualTo(Instant.ofEpochSecond(2));
      file.sync();
      file.syncData();
      file.seek(0, SeekMode.START);
      assertThat(new String(file.readable().readAllBytes(), StandardCharsets.UTF_8))
          .isEqualTo("hello");
    }
    FsFile closed = fs.open(path, OpenOptions.READ);
    closed.close();
    closed.close();
    assertThatThrownBy(closed::stat).isInstanceOf(BadResourceException.class);
    try (FsFile reading = fs.open(path, OpenOptions.READ)) {
      assertThatThrownBy(() -> reading.write(new byte[] {1}))
          .isInstanceOf(FileSystemOperationException.class);
    }
    assertThatThrownBy(() -> fs.open(path + "none", OpenOptions.READ))
        .isInstanceOf(NotFoundException.class);
  }

  @Test
  void directoryCanBeOpenedButNotRead() {
    try (FsFile directory = fs.open("/tmp", OpenOptions.READ)) {
      assertThat(directory.stat().isDirectory()).isTrue();
      assertThatThrownBy(() -> directory.read(new byte[10]))
          .isInstanceOf(IsADirectoryException.class)
          .hasMessageStartingWith("Is a directory (os error 21)");
    }
    assertThatThrownBy(() -> fs.open("/tmp", OpenOptions.READ_WRITE))
        .isInstanceOf(IsADirectoryException.class);
  }

  @Test
  void aLockIsWaitedFor() throws Exception {
    String path = fs.makeTempDir() + "/lock";
    try (FsFile first = fs.create(path);
        FsFile second = fs.open(path, OpenOptions.READ_WRITE)) {
      first.lock(true);
      FutureTask<String> waiting =
          new FutureTask<>(
              () -> {
                second.lock(true);
                return "locked";
              });
      Thread.ofVirtual().start(waiting);
      await().during(Duration.ofMillis(200)).until(() -> !waiting.isDone());
      first.unlock();
      assertThat(waiting.get(10, TimeUnit.SECONDS)).isEqualTo("locked");
    }
  }

  // Environment

  @Test
  void environmentIsThatOfNewProcesses() {
    sandbox.env().set("NEW", "ä=b");
    assertThat(sandbox.sh("printf %s \"$NEW\"").text()).isEqualTo("ä=b");
    assertThat(sandbox.env().toMap()).containsEntry("NEW", "ä=b").containsKey("PATH");
    sandbox.env().delete("NEW");
    sandbox.env().delete("NEW");
    assertThat(sandbox.env().get("NEW")).isEmpty();
    assertThatThrownBy(() -> sandbox.env().set("A=B", "x"))
        .isInstanceOf(InvalidOptionException.class);
    assertThatThrownBy(() -> sandbox.env().set("A", "\0"))
        .isInstanceOf(InvalidOptionException.class);
  }

  // Processes

  @Test
  void outputErrorsAndExitCodeComeApart() {
    var output = sandbox.spawn("sh", "-c", "echo out; echo err >&2; exit 3").output();
    assertThat(output.stdoutText()).isEqualTo("out\n");
    assertThat(output.stderrText()).isEqualTo("err\n");
    assertThat(output.status().success()).isFalse();
    assertThat(output.status().code()).isEqualTo(3);
    assertThat(output.status().signal()).isEmpty();
  }

  @Test
  void inputIsReadUntilItsEnd() throws IOException {
    try (ChildProcess cat =
        sandbox.spawn("cat", SpawnOptions.builder().stdin(Stdio.PIPED).piped().build())) {
      OutputStream stdin = cat.stdin();
      InputStream stdout = cat.stdout();
      stdin.write("one\n".getBytes(StandardCharsets.UTF_8));
      stdin.flush();
      assertThat(stdout.readNBytes(4)).isEqualTo("one\n".getBytes(StandardCharsets.UTF_8));
      byte[] much = bytes(5_000_000);
      Thread.ofVirtual()
          .start(
              () -> {
                try (stdin) {
                  stdin.write(much);
                } catch (IOException e) {
                  // The assertion below tells.
                }
              });
      assertThat(stdout.readAllBytes()).isEqualTo(much);
      assertThat(cat.status().code()).isZero();
    }
  }

  @Test
  void killedProcessReportsItsSignal() {
    try (ChildProcess sleeping = sandbox.spawn("sleep", "60")) {
      sleeping.kill(Signal.SIGTERM);
      ChildProcessStatus status = sleeping.status();
      assertThat(status.code()).isEqualTo(143);
      assertThat(status.signal()).contains(Signal.SIGTERM);
      assertThat(status.success()).isFalse();
      assertThatThrownBy(sleeping::kill).isInstanceOf(ProcessEndedException.class);
      assertThat(sleeping.statusFuture()).isCompletedWithValue(status);
    }
  }

  @Test
  void closedProcessIsKilledWithWhatItStarted() {
    ChildProcess parent = sandbox.spawn("sh", "-c", "sleep 4242 & sleep 4242");
    awaitRunning("[s]leep 4242$", 3);
    parent.close();
    parent.close();
    assertThat(parent.status().signal()).contains(Signal.SIGKILL);
    awaitRunning("[s]leep 4242$", 0);
  }

  @Test
  void closedProcessThatHasEndedLeavesNothingThatItStarted() {
    ChildProcess parent = sandbox.spawn("sh", "-c", "sleep 4243 > /dev/null 2>&1 &");
    assertThat(parent.status().success()).isTrue();
    awaitRunning("[s]leep 4243$", 1);
    Thread.currentThread().interrupt();
    parent.close();
    assertThat(Thread.interrupted()).isTrue();
    awaitRunning("[s]leep 4243$", 0);
  }

  private void awaitRunning(String commandLine, int count) {
    await()
        .untilAsserted(
            () ->
                assertThat(sandbox.sh("pgrep -fc '" + commandLine + "'").noThrow().text().strip())
                    .isEqualTo("" + count));
  }

  @Test
  void whatCannotBeStartedSaysWhy() {
    assertThatThrownBy(() -> sandbox.spawn("no-such-command"))
        .isInstanceOf(NotFoundException.class);
    assertThatThrownBy(() -> sandbox.spawn("/etc/passwd"))
        .isInstanceOf(PermissionDeniedException.class);
    assertThatThrownBy(
            () -> sandbox.spawn("ls", SpawnOptions.builder().piped().cwd("/none").build()))
        .isInstanceOf(NotFoundException.class);
    assertThatThrownBy(() -> sandbox.spawn("")).isInstanceOf(InvalidOptionException.class);
    ChildProcess silent =
        sandbox.spawn("true", SpawnOptions.builder().stdout(Stdio.NULL).stderr(Stdio.NULL).build());
    assertThatThrownBy(silent::stdout).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(silent::stdin).isInstanceOf(IllegalStateException.class);
    assertThat(silent.status().success()).isTrue();
  }

  @Test
  void optionsOfAProcessHold() {
    SpawnOptions options =
        SpawnOptions.builder()
            .args("-c", "pwd; echo $A; echo ${GREETING:-none}")
            .cwd("/usr")
            .clearEnv()
            .env("A", "b")
            .env("PATH", "/usr/bin:/bin")
            .piped()
            .build();
    assertThat(sandbox.spawn("/bin/sh", options).output().stdoutText().lines())
        .containsExactly("/usr", "b", "none");
  }

  @Test
  void shellRunsAsRootWithInputAndFailsAloud() {
    assertThat(sandbox.sh("id -un").sudo().text().strip()).isEqualTo("root");
    assertThat(sandbox.sh("tr a-z A-Z").stdinText("shout").text()).isEqualTo("SHOUT");
    assertThat(sandbox.sh("exit 4").noThrow().output().status().code()).isEqualTo(4);
    assertThatThrownBy(() -> sandbox.sh("echo broken >&2; exit 5").text())
        .isInstanceOf(SandboxCommandException.class)
        .hasMessageContaining("broken");
  }

  @Test
  void terminalHasASizeThatChanges() {
    try (ChildProcess shell =
        sandbox.spawn(
            "sh",
            SpawnOptions.builder()
                .args("-c", "stty size; read x; stty size")
                .terminal(24, 80)
                .build())) {
      InputStream stdout = shell.stdout();
      assertThat(line(stdout)).isEqualTo("24 80");
      shell.resize(30, 100);
      shell.stdin().write("\n".getBytes(StandardCharsets.UTF_8));
      shell.stdin().flush();
      String rest = new String(stdout.readAllBytes(), StandardCharsets.UTF_8);
      assertThat(rest).contains("30 100");
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void twentyMegabytesOfOutputArriveWhole() {
    byte[] output = sandbox.spawn("head", "-c", "20000000", "/dev/zero").output().stdout();
    assertThat(output).hasSize(20_000_000);
  }

  @Test
  void oneUnreadProcessDoesNotStopTheOthers() {
    try (ChildProcess unread = sandbox.spawn("yes")) {
      for (int i = 0; i < 20; i++) {
        assertThat(sandbox.sh("echo " + i).text().strip()).isEqualTo(String.valueOf(i));
      }
      assertThat(unread.statusFuture()).isNotDone();
    }
  }

  @Test
  void manyThreadsWorkAtOnce() throws Exception {
    List<FutureTask<String>> tasks = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      String text = "thread " + i;
      FutureTask<String> task =
          new FutureTask<>(
              () -> {
                String file = fs.makeTempFile();
                fs.writeTextFile(file, text);
                return sandbox.sh("cat " + file).text();
              });
      Thread.ofVirtual().start(task);
      tasks.add(task);
    }
    for (int i = 0; i < 20; i++) {
      assertThat(tasks.get(i).get(60, TimeUnit.SECONDS)).isEqualTo("thread " + i);
    }
  }

  @Test
  void interruptEndsTheWaitAndNotTheSandbox() throws Exception {
    AtomicReference<String> seen = new AtomicReference<>("");
    CountDownLatch started = new CountDownLatch(1);
    try (ChildProcess sleeping = sandbox.spawn("sleep", "60")) {
      Thread waiting =
          Thread.ofVirtual()
              .start(
                  () -> {
                    started.countDown();
                    try {
                      sleeping.status();
                    } catch (BelljarException e) {
                      seen.set(Thread.currentThread().isInterrupted() ? "interrupted" : "other");
                    }
                  });
      started.await();
      waiting.interrupt();
      waiting.join(10_000);
      assertThat(seen.get()).isEqualTo("interrupted");
      assertThat(sandbox.sh("echo fine").text()).isEqualTo("fine\n");
    }
  }

  // Deno

  @Test
  void denoRunsCodeAndEntrypoints() {
    assertThat(sandbox.deno().run("console.log(1 + 1 as number)").output().stdoutText())
        .isEqualTo("2\n");
    String module = fs.makeTempDir() + "/main.ts";
    fs.writeTextFile(module, "console.log(Deno.args.length); Deno.exit(7)");
    try (DenoProcess program = sandbox.deno().run(dev.belljar.DenoRunOptions.entrypoint(module))) {
      assertThat(program.output().status().code()).isEqualTo(7);
    }
  }

  @Test
  void denoServesAndIsFetched() {
    try (DenoProcess program =
        sandbox
            .deno()
            .run(
                "Deno.serve(async (r) => new Response(r.method + await r.text(), {status: 201}))")) {
      assertThat(program.httpReady()).isTrue();
      try (FetchResponse response =
          program.fetch(
              FetchRequest.to("http://any.example/").method("POST").body("body").build())) {
        assertThat(response.status()).isEqualTo(201);
        assertThat(response.text()).isEqualTo("POSTbody");
      }
    }
    try (DenoProcess program = sandbox.deno().run("1")) {
      assertThat(program.httpReady()).isFalse();
    }
  }

  @Test
  void evaluatorKeepsItsState() {
    try (DenoRepl repl = sandbox.deno().repl()) {
      repl.eval("let x = 20; function add(a, b) { return a + b }");
      assertThat(repl.eval("x + await Promise.resolve(1)")).isEqualTo(21L);
      assertThat(repl.call("add", List.of(1, 2))).isEqualTo(3L);
      assertThat(repl.call("(a) => a", List.of(Map.of("k", List.of(1, "x", true)))))
          .isEqualTo(Map.of("k", List.of(1L, "x", true)));
      assertThat(repl.eval("undefined")).isNull();
      assertThat(repl.eval("1.5")).isEqualTo(1.5);
      assertThatThrownBy(() -> repl.eval("throw new RangeError('too far')"))
          .isInstanceOfSatisfying(
              ScriptException.class,
              e -> {
                assertThat(e.constructorName()).isEqualTo("RangeError");
                assertThat(e).hasMessage("too far");
                assertThat(e.scriptStack()).isPresent();
              });
      assertThat(repl.eval("x")).isEqualTo(20L);
    }
    assertThat(sandbox.deno().eval("[1, 2].map(v => v * 2)")).isEqualTo(List.of(2L, 4L));
  }

  @Test
  void whatCodeThrowsCarriesItsCodeCauseAndErrors() {
    assertThatThrownBy(
            () ->
                sandbox
                    .deno()
                    .eval(
                        "const cause = Object.assign(new TypeError('why'), { code: 'E_WHY' });"
                            + " const errors = [new RangeError('one', { cause }), new Error('two')];"
                            + " throw Object.assign(new AggregateError(errors, 'all'), { code: 'E_ALL', cause })"))
        .isInstanceOfSatisfying(
            ScriptException.class,
            e -> {
              assertThat(e.constructorName()).isEqualTo("AggregateError");
              assertThat(e.code()).contains("E_ALL");
              assertThat(e).cause().isInstanceOf(ScriptException.class).hasMessage("why");
              assertThat(e.error().errors())
                  .extracting(ScriptError::message)
                  .containsExactly("one", "two");
              ScriptError inner = e.error().errors().getFirst().cause().orElseThrow();
              assertThat(inner.constructorName()).isEqualTo("TypeError");
              assertThat(inner.code()).contains("E_WHY");
            });
    assertThatThrownBy(
            () ->
                sandbox
                    .deno()
                    .eval("throw Object.assign(new TypeError('none'), { code: 'ENOENT' })"))
        .isInstanceOf(ScriptException.class)
        .hasMessage("none");
    assertThatThrownBy(
            () -> sandbox.deno().eval("throw new SuppressedError(new Error('b'), new Error('a'))"))
        .isInstanceOfSatisfying(
            ScriptException.class,
            e -> {
              assertThat(e.error().error().orElseThrow().message()).isEqualTo("b");
              assertThat(e.error().suppressed().orElseThrow().message()).isEqualTo("a");
            });
  }

  // Network

  @Test
  void fetchReachesTheSandboxItselfAndSaysWhatItCannot() {
    try (DenoProcess program =
        sandbox.deno().run("Deno.serve({port: 8123}, () => new Response('inside'))")) {
      assertThat(program.httpReady()).isTrue();
      try (FetchResponse response =
          sandbox.fetch(FetchRequest.to("http://localhost:8123/").build())) {
        assertThat(response.text()).isEqualTo("inside");
      }
    }
    assertThatThrownBy(() -> sandbox.fetch(FetchRequest.to("http://localhost:1/").build()))
        .isInstanceOf(FetchException.class);
  }

  @Test
  void answerThatIsGivenUpEndsItsRequest() throws IOException {
    String code =
        "Deno.serve({port: 8125}, () => new Response(new ReadableStream({"
            + " async pull(c) { c.enqueue(new Uint8Array(1000)); await new Promise(d => setTimeout(d, 9)); }"
            + " })))";
    try (DenoProcess program = sandbox.deno().run(code)) {
      assertThat(program.httpReady()).isTrue();
      FetchResponse response = sandbox.fetch(FetchRequest.to("http://localhost:8125/").build());
      assertThat(response.body().readNBytes(5000)).hasSize(5000);
      response.close();
      assertThatThrownBy(() -> response.body().readAllBytes()).isInstanceOf(IOException.class);
      await()
          .untilAsserted(
              () -> assertThat(sandbox.sh("pgrep -x curl | wc -l").text().strip()).isEqualTo("0"));
    }
  }

  @Test
  void portOfAProgramCanBeDialled() throws IOException {
    try (ChildProcess server =
        sandbox
            .deno()
            .run(
                "const l = Deno.listen({port: 8124}); console.log('up');"
                    + " for await (const c of l) c.readable.pipeTo(c.writable).catch(() => {})")) {
      assertThat(line(server.stdout())).isEqualTo("up");
      try (GuestConnection connection = sandbox.dial(8124)) {
        connection.output().write("echo".getBytes(StandardCharsets.UTF_8));
        connection.output().close();
        assertThat(new String(connection.input().readAllBytes(), StandardCharsets.UTF_8))
            .isEqualTo("echo");
      }
    }
    assertThatThrownBy(() -> sandbox.dial(9))
        .isInstanceOfSatisfying(
            FileSystemOperationException.class,
            e -> assertThat(e.code()).isEqualTo("ECONNREFUSED"));
    assertThatThrownBy(() -> sandbox.dial(0)).isInstanceOf(InvalidOptionException.class);
  }

  @Test
  void deniedConnectionsAreRecorded() {
    sandbox.sh("exec 3<>/dev/tcp/192.168.77.1/80").noThrow().output();
    // The program is connected to the agent, and need not wait for what the host decides.
    await()
        .untilAsserted(
            () ->
                assertThat(sandbox.egress())
                    .anySatisfy(
                        record -> {
                          assertThat(record.host()).isEqualTo("192.168.77.1");
                          assertThat(record.verdict()).isEqualTo(EgressRecord.Verdict.DENIED);
                        }));
  }

  // Standing still

  @Test
  void aPausedSandboxRefusesWhatIsAskedAndGoesOnWhereItStood() throws IOException {
    Sandbox other = make(SandboxOptions.builder().timeout(Duration.ofMinutes(2)));
    try {
      ChildProcess cat =
          other.spawn("cat", SpawnOptions.builder().stdin(Stdio.PIPED).piped().build());
      DenoRepl repl = other.deno().repl();
      FsFile file = other.fs().create("/tmp/open");
      repl.eval("let n = 6");
      assertThat(other.isPaused()).isFalse();
      other.pause();
      other.pause();
      assertThat(other.isPaused()).isTrue();

      assertPaused(() -> other.spawn("true"));
      assertPaused(() -> other.fs().readTextFile("/etc/hostname"));
      assertPaused(() -> file.write(new byte[1]));
      assertPaused(() -> cat.kill(Signal.SIGTERM));
      assertPaused(() -> repl.eval("n"));
      assertPaused(() -> other.dial(80));
      assertPaused(() -> other.fetch(FetchRequest.to("http://localhost:1/").build()));
      assertPaused(() -> other.checkpoint("paused"));
      assertThat(other.extendTimeout(Duration.ofMinutes(20)))
          .isAfter(Instant.now().plus(Duration.ofMinutes(19)));
      other.env().set("WHILE", "paused");
      cat.stdin().write("through\n".getBytes(StandardCharsets.UTF_8));
      cat.stdin().flush();

      other.resume();
      other.resume();
      assertThat(other.isPaused()).isFalse();
      assertThat(line(cat.stdout())).isEqualTo("through");
      assertThat(repl.eval("n + 1")).isEqualTo(7L);
      file.write(new byte[1]);
      file.close();
      assertThat(other.sh("stat -c %s /tmp/open; echo $WHILE").lines())
          .containsExactly("1", "paused");
      long clock = Long.parseLong(other.sh("date +%s").text().strip());
      assertThat(clock)
          .isBetween(Instant.now().getEpochSecond() - 2, Instant.now().getEpochSecond() + 2);
      other.pause();
      other.kill();
      assertThat(other.awaitEnd()).isNotBlank();
      assertThatThrownBy(() -> other.spawn("true")).isInstanceOf(SandboxClosedException.class);
    } finally {
      other.kill();
      other.close();
    }
  }

  @Test
  void forksGoOnFromACheckpointWithTheirProcesses() {
    String warm = "contract-" + UUID.randomUUID();
    try (Sandbox origin = make(SandboxOptions.builder().vcpus(1))) {
      origin.spawn("sh", "-c", "while :; do echo x >> /tmp/ticks; sleep 0.05; done");
      origin.fs().writeTextFile("/tmp/note", "before");
      Checkpoint made = origin.checkpoint(warm);
      assertThat(made.id()).matches("chk_[a-z]{3}_[0-9a-hjkmnp-z]{20}");
      assertThat(made.slug()).isEqualTo(warm);
      assertThat(made.sandbox()).isEqualTo(origin.id());
      assertThat(made.memory()).isEqualTo(1280L << 20);
      assertThat(made.vcpus()).isEqualTo(1);
      assertThat(made.allocatedSize()).isPositive();
      assertThat(storage().checkpoints().get(warm)).contains(made);
      assertThat(storage().checkpoints().get(made.id())).contains(made);
      assertThatThrownBy(() -> origin.checkpoint(warm))
          .isInstanceOfSatisfying(
              StorageException.class, e -> assertThat(e.reason()).isEqualTo(Reason.SLUG_TAKEN));
      assertThatThrownBy(() -> origin.checkpoint("No Name"))
          .isInstanceOf(InvalidOptionException.class);
      origin.fs().writeTextFile("/tmp/note", "after");
      try (Sandbox fork =
          make(SandboxOptions.builder().checkpoint(warm).env("MINE", "1").noNet())) {
        assertThat(fork.id()).isNotEqualTo(origin.id());
        assertThat(fork.fs().readTextFile("/tmp/note")).isEqualTo("before");
        assertThat(fork.sh("nproc; echo $MINE").lines()).containsExactly("1", "1");
        long ticks = fork.fs().stat("/tmp/ticks").size();
        await().until(() -> fork.fs().stat("/tmp/ticks").size() > ticks);
        fork.fs().writeTextFile("/tmp/note", "fork");
      }
      assertThat(origin.fs().readTextFile("/tmp/note")).isEqualTo("after");
    }
    storage().checkpoints().delete(warm);
    assertThat(storage().checkpoints().get(warm)).isEmpty();
    assertThatThrownBy(() -> make(SandboxOptions.builder().checkpoint(warm)))
        .isInstanceOfSatisfying(
            StorageException.class, e -> assertThat(e.reason()).isEqualTo(Reason.NOT_FOUND));
  }

  private static void assertPaused(ThrowingCallable call) {
    assertThatThrownBy(call).isInstanceOf(SandboxPausedException.class);
  }

  // The end

  @Test
  void closedSandboxSaysSo() {
    Sandbox other = make(SandboxOptions.builder());
    ChildProcess sleeping = other.spawn("sleep", "60");
    other.close();
    other.close();
    other.kill();
    assertThat(other.awaitEnd()).contains("closed");
    assertThatThrownBy(() -> other.fs().exists("/")).isInstanceOf(SandboxClosedException.class);
    assertThatThrownBy(() -> other.spawn("true")).isInstanceOf(SandboxClosedException.class);
    assertThatThrownBy(sleeping::status).isInstanceOf(SandboxClosedException.class);
  }

  private List<DirEntry> list(String directory) {
    try (Stream<DirEntry> entries = fs.readDir(directory)) {
      return entries.toList();
    }
  }

  private static String line(InputStream input) throws IOException {
    StringBuilder line = new StringBuilder();
    int c;
    while ((c = input.read()) >= 0 && c != '\n') {
      if (c != '\r') {
        line.append((char) c);
      }
    }
    return line.toString();
  }

  private static byte[] bytes(int size) {
    byte[] bytes = new byte[size];
    new Random(size).nextBytes(bytes);
    return Arrays.copyOf(bytes, size);
  }
}
