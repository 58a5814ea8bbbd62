package dev.belljar.engine;

import static org.awaitility.Awaitility.await;

import dev.belljar.BelljarException;
import dev.belljar.ChildProcess;
import dev.belljar.Sandbox;
import dev.belljar.SpawnOptions;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A program in a sandbox that writes numbered records with their digests to a volume, forces each
 * to the disk, and then says its number.
 */
final class SyncedRecords implements AutoCloseable {
  private static final String WRITER =
      """
      import hashlib, os, sys
      path, start = sys.argv[1] + "/records", int(sys.argv[2])
      out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
      for number in range(start, start + 100000):
          text = str(number).encode()
          os.write(out, text + b" " + hashlib.sha256(text).hexdigest().encode() + b" " + b"x" * (number % 5000) + b"\\n")
          os.fsync(out)
          print(number, flush=True)
      """;

  /** Says how many records there are from the first on that are whole, and cuts off the rest. */
  private static final String READER =
      """
      import hashlib, sys
      path, count, end = sys.argv[1] + "/records", 0, 0
      with open(path, "a+b") as records:
          records.seek(0)
          for line in records:
              parts = line.rstrip(b"\\n").split(b" ")
              if len(parts) != 3 or not line.endswith(b"\\n") or parts[0] != str(count).encode():
                  break
              if parts[1].decode() != hashlib.sha256(parts[0]).hexdigest() or len(parts[2]) != count % 5000:
                  break
              count += 1
              end += len(line)
          records.truncate(end)
      print(count)
      """;

  private final ChildProcess writer;
  private final AtomicInteger said;
  private final Thread listening;

  private SyncedRecords(ChildProcess writer, int first) {
    this.writer = writer;
    said = new AtomicInteger(first);
    listening = Thread.ofVirtual().start(this::listen);
  }

  /** Has records from that number on be written, in a directory. */
  static SyncedRecords write(Sandbox sandbox, String directory, int first) {
    sandbox.fs().writeTextFile("/tmp/write.py", WRITER);
    return new SyncedRecords(
        sandbox.spawn(
            "python3",
            SpawnOptions.builder()
                .args("/tmp/write.py", directory, String.valueOf(first))
                .piped()
                .build()),
        first);
  }

  /** How many records are whole in a directory; what comes after them is cut off. */
  static int count(Sandbox sandbox, String directory) {
    sandbox.fs().writeTextFile("/tmp/read.py", READER);
    return Integer.parseInt(sandbox.sh("python3 /tmp/read.py " + directory).text().strip());
  }

  private void listen() {
    try (BufferedReader lines =
        new BufferedReader(new InputStreamReader(writer.stdout(), StandardCharsets.US_ASCII))) {
      String line = lines.readLine();
      while (line != null) {
        said.set(Integer.parseInt(line) + 1);
        line = lines.readLine();
      }
    } catch (IOException | BelljarException e) {
      // Its sandbox is gone.
    }
  }

  /** How many there are by now, counted from 0, of which it said that the disk has them. */
  int said() {
    return said.get();
  }

  /** Blocks until there are so many. */
  void awaitSaid(int count) {
    await()
        .atMost(Duration.ofSeconds(30))
        .pollInterval(Duration.ofMillis(5))
        .until(() -> said.get() >= count);
  }

  /** How many there are in the end, which its sandbox's makes. */
  int awaitEnd() throws InterruptedException {
    listening.join();
    return said.get();
  }

  @Override
  public void close() {
    writer.close();
  }
}
