package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.ByteSize;
import dev.belljar.ChildProcess;
import dev.belljar.Sandbox;
import dev.belljar.SandboxClosedException;
import dev.belljar.SandboxOptions;
import dev.belljar.SpawnOptions;
import dev.belljar.Storage;
import dev.belljar.VolumeOptions;
import dev.belljar.spi.Tenant;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A machine is killed while it writes, again and again: what was said to be on the disk is there.
 */
@Timeout(900)
class VolumeDurabilityIT {
  private static final int KILLS = Integer.getInteger("belljar.attack.kills", 10);

  /** Appends records of a number and its digest, and says each number once the disk has it. */
  private static final String WRITER =
      """
      import hashlib, os, sys
      path = "/data/records"
      start = int(sys.argv[1])
      out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
      for number in range(start, start + 100000):
          text = str(number).encode()
          os.write(out, text + b" " + hashlib.sha256(text).hexdigest().encode() + b" " + b"x" * (number % 5000) + b"\\n")
          os.fsync(out)
          print(number, flush=True)
      """;

  /** Says how many records there are from the first on that are whole. */
  private static final String READER =
      """
      import hashlib
      count = 0
      with open("/data/records", "rb") as records:
          for line in records:
              parts = line.rstrip(b"\\n").split(b" ")
              if len(parts) != 3 or not line.endswith(b"\\n") or parts[0] != str(count).encode():
                  break
              if parts[1].decode() != hashlib.sha256(parts[0]).hexdigest() or len(parts[2]) != count % 5000:
                  break
              count += 1
      with open("/data/records", "r+b") as records:
          for _ in range(count):
              records.readline()
          records.truncate(records.tell())
      print(count)
      """;

  @TempDir private Path directory;

  @Test
  void everyRecordThatWasSaidToBeWrittenIsThere() throws IOException {
    Tenant tenant = new Tenant("", Optional.of(directory.resolve("storage")));
    Storage storage = LocalEngine.instance().storage(tenant);
    storage.volumes().create(VolumeOptions.of("data", ByteSize.parse("400MB")));
    Random random = new Random(11);
    int written = 0;
    for (int kill = 0; kill < KILLS; kill++) {
      written = writeUntilKilled(tenant, written, 5 + random.nextInt(60));
      // It is looked at before it is written to again.
      assertThat(directory.resolve("storage/unclean")).isNotEmptyDirectory();
      if (kill % 3 == 1) {
        storage.volumes().snapshot("data", "after-" + kill);
      }
    }
    try (Sandbox last = create(tenant)) {
      assertThat(records(last)).isGreaterThanOrEqualTo(written);
    }
    assertThat(directory.resolve("storage/unclean")).isEmptyDirectory();
  }

  private static Sandbox create(Tenant tenant) {
    return LocalEngine.instance()
        .create(SandboxOptions.builder().volume("/data", "data").build(), tenant);
  }

  private static int records(Sandbox sandbox) {
    sandbox.fs().writeTextFile("/tmp/read.py", READER);
    return Integer.parseInt(sandbox.sh("touch /data/records; python3 /tmp/read.py").text().strip());
  }

  /** How many records were said to be written in the end. */
  private static int writeUntilKilled(Tenant tenant, int expected, int more) throws IOException {
    Sandbox sandbox = create(tenant);
    int there = records(sandbox);
    assertThat(there).isGreaterThanOrEqualTo(expected);
    sandbox.fs().writeTextFile("/tmp/write.py", WRITER);
    int said = there;
    try (ChildProcess writer =
            sandbox.spawn(
                "python3",
                SpawnOptions.builder()
                    .args("/tmp/write.py", String.valueOf(there))
                    .piped()
                    .build());
        BufferedReader lines =
            new BufferedReader(
                new java.io.InputStreamReader(
                    writer.stdout(), java.nio.charset.StandardCharsets.US_ASCII))) {
      String line = lines.readLine();
      for (int i = 0; i < more && line != null; i++) {
        said = Integer.parseInt(line) + 1;
        line = lines.readLine();
      }
      HostProcesses.ownQemus(1).getFirst().destroyForcibly();
      while (line != null) {
        said = Integer.parseInt(line) + 1;
        line = lines.readLine();
      }
    } catch (IOException | SandboxClosedException e) {
      // It is gone.
    }
    sandbox.awaitEnd();
    sandbox.close();
    return said;
  }
}
