package dev.belljar.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.BelljarException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** There is one server of a data directory. Of two processes, ServeIT of the command line. */
@Timeout(60)
class DataLockTest {
  @TempDir private Path data;

  @Test
  void aSecondServerIsRefusedAndTheFirstGoesOn() throws Exception {
    try (TestServer first = new TestServer(data, Duration.ofSeconds(30));
        RawClient client = first.create()) {
      assertThatExceptionOfType(BelljarException.class)
          .isThrownBy(() -> new TestServer(data, Duration.ofSeconds(30)).close())
          .withMessageContaining(data + " is in use by another Belljar server")
          .withMessageContaining("Stop that one first");
      // Its sandboxes were not taken for left over, and its storage is as it was.
      assertThat(first.http("GET", "/api/v3/sandboxes", first.token(), "").body())
          .contains(client.sandbox(), "running");
      assertThat(first.http("GET", "/api/v2/volumes", first.token(), "").statusCode())
          .isEqualTo(200);
    }
    new TestServer(data, Duration.ofSeconds(30)).close();
  }

  /** Where the database is elsewhere, nothing else tells. */
  @Test
  void itIsTakenOnceByWhateverPathUntilItIsGivenBack() throws Exception {
    Path link = Files.createSymbolicLink(data.resolve("link"), data);
    try (DataLock lock = DataLock.take(data)) {
      for (Path path : new Path[] {data, link}) {
        assertThatExceptionOfType(BelljarException.class).isThrownBy(() -> DataLock.take(path));
      }
      lock.close();
      DataLock.take(link).close();
    }
    Path file = Files.createFile(data.resolve("file"));
    assertThatExceptionOfType(BelljarException.class)
        .isThrownBy(() -> DataLock.take(file))
        .withMessageContaining("--data");
  }
}
