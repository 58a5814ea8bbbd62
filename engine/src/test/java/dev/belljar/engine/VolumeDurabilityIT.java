package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.ByteSize;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Storage;
import dev.belljar.VolumeOptions;
import dev.belljar.spi.Tenant;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A machine is killed while it writes, again and again: what was said to be on the disk is there.
 */
@Timeout(900)
class VolumeDurabilityIT {
  private static final Logger LOG = LoggerFactory.getLogger(VolumeDurabilityIT.class);
  private static final int KILLS = Integer.getInteger("belljar.attack.kills", 10);

  @TempDir private Path directory;

  @Test
  void everyRecordThatWasSaidToBeWrittenIsThere() throws Exception {
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
      assertThat(SyncedRecords.count(last, "/data")).isGreaterThanOrEqualTo(written);
    }
    LOG.info("{} records were said to be written in {} lives, and are there", written, KILLS);
    assertThat(directory.resolve("storage/unclean")).isEmptyDirectory();
  }

  private static Sandbox create(Tenant tenant) {
    return LocalEngine.instance()
        .create(SandboxOptions.builder().volume("/data", "data").build(), tenant);
  }

  /** How many records were said to be written in the end. */
  private static int writeUntilKilled(Tenant tenant, int expected, int more)
      throws InterruptedException {
    try (Sandbox sandbox = create(tenant)) {
      int there = SyncedRecords.count(sandbox, "/data");
      assertThat(there).isGreaterThanOrEqualTo(expected);
      SyncedRecords records = SyncedRecords.write(sandbox, "/data", there);
      records.awaitSaid(there + more);
      HostProcesses.ownQemus(1).getFirst().destroyForcibly();
      int said = records.awaitEnd();
      sandbox.awaitEnd();
      return said;
    }
  }
}
