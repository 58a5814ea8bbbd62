package dev.belljar.server.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The power goes while several clients write: whatever was answered before is there at the next
 * start. A copy of the files, made between two writes, is what the disk has.
 */
@Timeout(120)
class PowerCutTest {
  private static final int COPIES = 12;
  private static final Instant STARTED = Instant.parse("2026-01-02T03:04:05Z");

  @TempDir private Path directory;

  @BeforeEach
  void hold() {
    HeldFiles.install();
  }

  @AfterEach
  void release() {
    HeldFiles.uninstall();
  }

  /** What clients were told. */
  private record Answered(
      Queue<String> tokens, Queue<String> revoked, Queue<String> sandboxes, Queue<String> stopped) {
    Answered() {
      this(
          new ConcurrentLinkedQueue<>(),
          new ConcurrentLinkedQueue<>(),
          new ConcurrentLinkedQueue<>(),
          new ConcurrentLinkedQueue<>());
    }

    Answered copy() {
      return new Answered(
          new ConcurrentLinkedQueue<>(tokens),
          new ConcurrentLinkedQueue<>(revoked),
          new ConcurrentLinkedQueue<>(sandboxes),
          new ConcurrentLinkedQueue<>(stopped));
    }
  }

  @Test
  void whatWasAnsweredBeforeThePowerWentIsThereAtTheNextStart() throws Exception {
    List<Answered> answered = new ArrayList<>();
    whileClientsWrite(
        told -> {
          for (int i = 0; i < COPIES; i++) {
            Thread.sleep(ThreadLocalRandom.current().nextInt(20, 120));
            answered.add(told.copy());
            copy(directory.resolve("live"), directory.resolve("copy" + i));
          }
        });
    assertThat(answered.getLast().sandboxes())
        .as("there was something to lose")
        .hasSizeGreaterThan(50);
    for (int i = 0; i < COPIES; i++) {
      assertThatNothingIsLost(directory.resolve("copy" + i), answered.get(i));
    }
  }

  /** What no power cut does to what was synced; but disks fail, and people copy half of a file. */
  @Test
  void aFileThatIsCutOffIsRefusedOrOpensAtAnEarlierMomentAndNeverHangs() throws Exception {
    whileClientsWrite(
        told -> {
          Thread.sleep(1000);
          copy(directory.resolve("live"), directory.resolve("whole"));
        });
    long size = Files.size(database(directory.resolve("whole")));
    Random random = new Random(42);
    for (int i = 0; i < 24; i++) {
      Path torn = directory.resolve("torn" + i);
      copy(directory.resolve("whole"), torn);
      long cut = i < 4 ? i * 4000L : i < 10 ? size - i * 512L : (long) (random.nextDouble() * size);
      try (FileChannel file = FileChannel.open(database(torn), StandardOpenOption.WRITE)) {
        file.truncate(cut);
      }
      Optional<StoreException> failure = opened(torn, new Answered());
      if (i < 4) {
        assertThat(failure).as(cut + " bytes").isPresent();
      }
      failure.ifPresent(
          e -> assertThat(e).hasMessageContaining(torn.resolve("metadata").toString()));
    }
  }

  private interface Meanwhile {
    void run(Answered told) throws Exception;
  }

  private void whileClientsWrite(Meanwhile meanwhile) throws Exception {
    Answered told = new Answered();
    AtomicBoolean over = new AtomicBoolean();
    AtomicInteger number = new AtomicInteger();
    try (MetadataStore store = MetadataStore.open(StoreConfig.embedded(directory.resolve("live")));
        ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < 4; i++) {
        clients.execute(
            () -> {
              while (!over.get()) {
                write(store, told, number.incrementAndGet());
              }
            });
      }
      try {
        meanwhile.run(told);
      } finally {
        over.set(true);
      }
    }
  }

  private static void write(MetadataStore store, Answered told, int number) {
    String id = "sbx_" + number;
    store
        .sandboxes()
        .insert(
            SandboxRecord.running(
                id,
                "acme",
                STARTED,
                Optional.of(STARTED.plusSeconds(60)),
                Map.of("n", "" + number),
                1280,
                "tok_1"));
    told.sandboxes().add(id);
    store.sandboxes().stopAt(id, STARTED.plusSeconds(120));
    if (number % 2 == 0) {
      store.sandboxes().stopped(id, STARTED.plusSeconds(30), "it was killed");
      told.stopped().add(id);
    }
    if (number % 5 == 0) {
      CreatedToken token = store.tokens().create("acme", "client");
      told.tokens().add(token.secret());
      if (number % 10 == 0) {
        store.tokens().revoke(token.token().id());
        told.revoked().add(token.secret());
      }
    }
  }

  private static void assertThatNothingIsLost(Path data, Answered told) {
    assertThat(opened(data, told)).isEmpty();
  }

  /** The failure to open it; where there is none, everything must be there. */
  private static Optional<StoreException> opened(Path data, Answered told) {
    return assertTimeoutPreemptively(
        Duration.ofSeconds(30),
        () -> {
          try (MetadataStore store = MetadataStore.open(StoreConfig.embedded(data))) {
            for (String secret : told.tokens()) {
              assertThat(store.tokens().find(secret).or(() -> store.tokens().findRevoked(secret)))
                  .as("a token of %s", data)
                  .isPresent();
            }
            for (String secret : told.revoked()) {
              assertThat(store.tokens().find(secret)).as("a revoked token").isEmpty();
            }
            store.sandboxes().stopAllRunning(Instant.now(), "the server ended before it");
            assertThat(store.sandboxes().countRunning("acme")).isZero();
            for (String id : told.sandboxes()) {
              SandboxRecord record = store.sandboxes().find("acme", id).orElseThrow();
              assertThat(record.labels()).hasSize(1);
              assertThat(record.stoppedAt()).isPresent();
            }
            for (String id : told.stopped()) {
              assertThat(store.sandboxes().find("acme", id).orElseThrow().stopReason())
                  .contains("it was killed");
            }
            return Optional.empty();
          } catch (StoreException e) {
            return Optional.of(e);
          }
        });
  }

  private static Path database(Path data) {
    return data.resolve("metadata").resolve("metadata.mv.db");
  }

  private static void copy(Path from, Path to) throws IOException {
    Files.createDirectories(to.resolve("metadata"));
    HeldFiles.whileHeld(
        () -> {
          try (Stream<Path> files = Files.list(from.resolve("metadata"))) {
            for (Path file : (Iterable<Path>) files::iterator) {
              Files.copy(file, to.resolve("metadata").resolve(file.getFileName()));
            }
          }
        });
  }
}
