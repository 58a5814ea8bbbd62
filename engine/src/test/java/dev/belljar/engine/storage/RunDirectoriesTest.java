package dev.belljar.engine.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class RunDirectoriesTest {
  @TempDir private Path directory;

  @Test
  void theirLockIsKeptWhenTheCacheIsOpenedByAnotherName() throws IOException {
    Path cache = directory.resolve("cache");
    Path link = Files.createSymbolicLink(directory.resolve("link"), directory).resolve("cache");
    try (RunDirectories first = RunDirectories.open(new Directories(cache));
        RunDirectories second = RunDirectories.open(new Directories(link))) {
      assertThat(first.create()).isDirectory();
      assertThat(second.create()).isDirectory();
      assertThat(lockFiles(cache)).hasSize(2).allMatch(RunDirectoriesTest::isLocked);
    }
    assertThat(lockFiles(cache)).isEmpty();
  }

  private static List<Path> lockFiles(Path cache) throws IOException {
    try (Stream<Path> all = Files.list(cache.resolve("run"))) {
      return all.filter(file -> file.toString().endsWith(".lock")).toList();
    }
  }

  /** As the kernel tells (proc_locks(5)): the JVM would only tell of its own. */
  private static boolean isLocked(Path file) {
    try {
      String inode = ":" + Files.getAttribute(file, "unix:ino") + " ";
      return Files.readAllLines(Path.of("/proc/locks")).stream()
          .anyMatch(line -> line.contains("POSIX") && line.contains(inode));
    } catch (IOException e) {
      return false;
    }
  }
}
