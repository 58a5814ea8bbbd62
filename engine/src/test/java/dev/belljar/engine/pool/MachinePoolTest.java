package dev.belljar.engine.pool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MachinePoolTest {
  private static final String SMALL = "small";
  private static final String LARGE = "large";

  @TempDir private Path directory;
  private final List<Stand> made = new CopyOnWriteArrayList<>();

  /** Ahead of the clock. */
  private final AtomicLong nanos = new AtomicLong();

  /** What is left when no machine waits; 256 of them are not for machines. */
  private volatile long mebibytes = 4096;

  private final AtomicInteger memoryLooks = new AtomicInteger();
  private volatile boolean busy;
  private volatile boolean crowded;

  /** How often it was asked whether there is a crowd. */
  private final AtomicInteger looks = new AtomicInteger();

  private volatile boolean failing;

  /** What cannot be made. */
  private volatile Set<String> broken = Set.of();

  private @Nullable MachinePool<String, Stand> pool;

  @AfterEach
  void nothingIsLeft() {
    if (pool != null) {
      pool.close();
      assertThat(made).filteredOn(one -> !one.taken).allMatch(one -> one.closed);
    }
  }

  /** In the place of a machine. */
  private static final class Stand implements MachinePool.Waiting {
    volatile boolean alive = true;
    volatile boolean closed;
    volatile boolean taken;

    /** What it does when it is asked whether it is alive, and whether it was. */
    volatile @Nullable Error error;

    volatile boolean asked;

    @Override
    public boolean isAlive() {
      Error failure = error;
      if (failure != null) {
        asked = true;
        throw failure;
      }
      return alive;
    }

    @Override
    public void close() {
      assertThat(closed).isFalse();
      closed = true;
    }
  }

  private MachinePool<String, Stand> open(int minimum, int maximum) {
    return open(Map.of(SMALL, new MachinePool.Bounds(minimum, maximum)));
  }

  private MachinePool<String, Stand> open(Map<String, MachinePool.Bounds> sizes) {
    return open(sizes, () -> System.nanoTime() + nanos.get());
  }

  private MachinePool<String, Stand> open(
      Map<String, MachinePool.Bounds> sizes, LongSupplier clock) {
    pool = MachinePool.open(sizes, Duration.ofMinutes(10), this::make, new Host(), clock);
    return pool;
  }

  /** In the place of the host: as the test says. */
  private final class Host implements MachinePool.Room {
    @Override
    public boolean forOneMore() {
      memoryLooks.incrementAndGet();
      return memory().forOneMore();
    }

    @Override
    public boolean forOneToWait() {
      return memory().forOneToWait();
    }

    @Override
    public boolean isBusy() {
      return busy;
    }

    @Override
    public boolean isAwaited() {
      looks.incrementAndGet();
      return crowded;
    }
  }

  /** Of which each machine takes 40 MiB. */
  private HostMemory memory() {
    long taken = made.stream().filter(one -> !one.closed).count() * 40;
    try {
      Files.writeString(
          directory.resolve("meminfo"),
          "MemTotal: 4194304 kB\nMemAvailable: %d kB\n".formatted((mebibytes - taken) << 10));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return HostMemory.of(directory.resolve("meminfo"), List.of());
  }

  /** Until it was looked at what memory is left, from now on, and something was done about it. */
  private void awaitMemoryLook() {
    int before = memoryLooks.get();
    await().until(() -> memoryLooks.get() > before + 1);
  }

  /** Until it was looked, from now on, whether what is to be done may be. */
  private void awaitLook() {
    int before = looks.get();
    await().until(() -> looks.get() > before + 1);
  }

  private interface Improvement {
    void of(Stand one) throws InterruptedException;
  }

  private MachinePool<String, Stand> openImproving(
      MachinePool.Bounds bounds, Improvement improvement) {
    MachinePool.Maker<String, Stand> maker =
        new MachinePool.Maker<>() {
          @Override
          public Stand make(String shape) throws IOException {
            return MachinePoolTest.this.make(shape);
          }

          @Override
          public void improve(Stand one) throws InterruptedException {
            improvement.of(one);
          }
        };
    pool =
        MachinePool.open(
            Map.of(SMALL, bounds), Duration.ofMinutes(10), maker, new Host(), nanos::get);
    return pool;
  }

  private void pass(long millis) {
    nanos.addAndGet(TimeUnit.MILLISECONDS.toNanos(millis));
  }

  private Stand make(String shape) throws IOException {
    if (broken.contains(shape)) {
      throw new IOException("there is no template");
    }
    if (failing) {
      throw new StackOverflowError("a test's");
    }
    Stand one = new Stand();
    made.add(one);
    return one;
  }

  private static Stand taken(MachinePool<String, Stand> from) {
    return taken(from, SMALL);
  }

  private static Stand taken(MachinePool<String, Stand> from, String shape) {
    Stand one = from.take(shape).orElseThrow();
    one.taken = true;
    return one;
  }

  private static void awaitWaiting(MachinePool<String, Stand> in, int count) {
    await().until(() -> in.status().waiting() == count);
  }

  @Test
  void asManyWaitAsAreToWaitAtLeast() throws Exception {
    var opened =
        open(Map.of(SMALL, new MachinePool.Bounds(2, 4), LARGE, new MachinePool.Bounds(1, 1)));
    assertThat(opened.awaitReady(Duration.ofSeconds(10))).isTrue();
    assertThat(opened.status().waiting()).isEqualTo(3);
  }

  @Test
  void aMachineIsTakenOnceAndAnotherTakesItsPlace() throws Exception {
    var opened = open(1, 3);
    Set<Stand> seen = new HashSet<>();
    for (int i = 0; i < 20; i++) {
      assertThat(opened.awaitReady(Duration.ofSeconds(10))).isTrue();
      assertThat(seen.add(taken(opened))).isTrue();
    }
    assertThat(opened.status().taken()).isEqualTo(20);
    assertThat(seen).allMatch(one -> !one.closed);
  }

  @Test
  void whoTakesOneHasTheProcessorsForAMoment() throws Exception {
    var opened = open(2, 2);
    assertThat(opened.awaitReady(Duration.ofSeconds(10))).isTrue();
    long before = System.nanoTime();
    taken(opened);
    awaitWaiting(opened, 2);

    assertThat(System.nanoTime() - before).isGreaterThanOrEqualTo(100_000_000);
  }

  @Test
  void thatNothingWasToBeDoneForLongDoesNotShortenThatMoment() throws Exception {
    var opened = open(Map.of(SMALL, new MachinePool.Bounds(1, 1)), nanos::get);
    assertThat(opened.awaitReady(Duration.ofSeconds(10))).isTrue();
    pass(900);
    taken(opened);
    awaitLook();
    assertThat(made).hasSize(1);
    pass(100);
    assertThat(opened.awaitReady(Duration.ofSeconds(10))).isTrue();
  }

  @Test
  void ofManyWhoTakeAtOnceNoTwoGetTheSame() throws Exception {
    var opened = open(4, 16);
    Set<Stand> seen = ConcurrentHashMap.newKeySet();
    AtomicInteger twice = new AtomicInteger();
    List<Thread> all =
        java.util.stream.IntStream.range(0, 16)
            .mapToObj(
                i ->
                    Thread.ofVirtual()
                        .start(
                            () -> {
                              for (int k = 0; k < 200; k++) {
                                opened
                                    .take(SMALL)
                                    .ifPresent(
                                        one -> {
                                          one.taken = true;
                                          if (!seen.add(one)) {
                                            twice.incrementAndGet();
                                          }
                                        });
                              }
                            }))
            .toList();
    for (Thread one : all) {
      one.join();
    }
    assertThat(twice).hasValue(0);
    var status = opened.status();
    assertThat(status.taken()).isEqualTo(seen.size());
    assertThat(status.taken() + status.missed()).isEqualTo(16 * 200);
  }

  @Test
  void moreWaitWhileMoreAreAskedForAndFewerAfterwards() throws Exception {
    var opened = open(1, 4);
    assertThat(opened.awaitReady(Duration.ofSeconds(10))).isTrue();
    for (int i = 0; i < 9; i++) {
      opened.take(SMALL).ifPresent(one -> one.taken = true);
    }
    awaitWaiting(opened, 4);
    nanos.addAndGet(Duration.ofSeconds(11).toNanos());
    awaitWaiting(opened, 1);
    assertThat(opened.status().discarded()).isEqualTo(3);
  }

  @Test
  void whatEndedIsNotGivenAwayAndIsReplaced() throws Exception {
    var opened = open(2, 2);
    assertThat(opened.awaitReady(Duration.ofSeconds(10))).isTrue();
    made.forEach(one -> one.alive = false);
    assertThat(opened.take(SMALL).filter(one -> !one.alive)).isEmpty();
    await().until(() -> made.size() >= 4 && opened.status().waiting() == 2);
    assertThat(made.subList(0, 2)).allMatch(one -> one.closed);
  }

  @Test
  void whatWaitedTooLongIsReplaced() throws Exception {
    var opened = open(2, 2);
    assertThat(opened.awaitReady(Duration.ofSeconds(10))).isTrue();
    nanos.addAndGet(Duration.ofMinutes(11).toNanos());
    await().until(() -> made.size() == 4 && opened.status().waiting() == 2);
    assertThat(made.subList(0, 2)).allMatch(one -> one.closed);
  }

  @Test
  void whatWaitedTooLongIsNotGivenAwayWhileAnotherIsBeingMade() throws Exception {
    CountDownLatch making = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    pool =
        MachinePool.open(
            Map.of(SMALL, new MachinePool.Bounds(2, 2)),
            Duration.ofMinutes(10),
            shape -> {
              if (!made.isEmpty()) {
                making.countDown();
                go.await();
              }
              return make(shape);
            },
            new Host(),
            nanos::get);
    var opened = pool;
    making.await();
    pass(Duration.ofMinutes(10).toMillis() + 1);
    assertThat(opened.take(SMALL)).isEmpty();
    assertThat(opened.status().missed()).isEqualTo(1);
    assertThat(opened.status().discarded()).isEqualTo(1);
    go.countDown();
    await().until(() -> made.getFirst().closed);
  }

  @Test
  void whereMemoryIsShortNoneWaitsUntilThereIsRoomAgain() throws Exception {
    var opened = open(3, 3);
    assertThat(opened.awaitReady(Duration.ofSeconds(10))).isTrue();
    mebibytes = 300;
    awaitWaiting(opened, 0);
    assertThat(opened.take(SMALL)).isEmpty();
    mebibytes = 4096;
    pass(30_000);
    awaitWaiting(opened, 3);
  }

  @Test
  void whatIsGivenUpForWantOfMemoryMakesNoRoomForAnother() throws Exception {
    mebibytes = 700;
    var opened = open(Map.of(SMALL, new MachinePool.Bounds(4, 4)), nanos::get);
    assertThat(opened.awaitReady(Duration.ofSeconds(10))).isTrue();
    mebibytes = 500;
    awaitWaiting(opened, 2);
    awaitMemoryLook();
    assertThat(opened.status().waiting()).isEqualTo(2);
    assertThat(made).hasSize(4);

    mebibytes = 4096;
    pass(29_999);
    awaitMemoryLook();
    assertThat(made).hasSize(4);
    pass(1);
    awaitWaiting(opened, 4);
  }

  @Test
  void noMoreWaitThanLeaveMemoryForOthers() throws Exception {
    mebibytes = 600;
    var opened = open(4, 4);
    awaitWaiting(opened, 3);
    awaitMemoryLook();
    assertThat(made).hasSize(3);
    assertThat(opened.status().discarded()).isZero();
  }

  @Test
  void whatIsTakenWhileAnotherIsImprovedIsReplaced() throws Exception {
    CountDownLatch end = new CountDownLatch(1);
    var opened = openImproving(new MachinePool.Bounds(2, 2), one -> end.await());
    awaitWaiting(opened, 2);
    assertThat(taken(opened).closed).isFalse();
    pass(100);
    awaitWaiting(opened, 2);
    assertThat(end.getCount()).isEqualTo(1);
    end.countDown();
    assertThat(opened.awaitReady(Duration.ofSeconds(10))).isTrue();
  }

  @Test
  void whatIsImprovedIsGivenUpLast() throws Exception {
    Set<Stand> improved = ConcurrentHashMap.newKeySet();
    CountDownLatch second = new CountDownLatch(1);
    var opened =
        openImproving(
            new MachinePool.Bounds(0, 3),
            one -> {
              if (!improved.isEmpty()) {
                second.await();
              }
              improved.add(one);
            });
    for (int i = 0; i < 3; i++) {
      assertThat(opened.take(SMALL)).isEmpty();
    }
    pass(100);
    await().until(() -> improved.size() == 1 && opened.status().waiting() == 3);
    // While the second is being improved.
    mebibytes = 370 + 2 * 40;
    second.countDown();
    awaitWaiting(opened, 1);
    assertThat(made).filteredOn(one -> !one.closed && !one.taken).allMatch(improved::contains);
  }

  @Test
  void whatIsMoreUrgentComesFirstButNotForEver() throws Exception {
    busy = true;
    var opened = open(Map.of(SMALL, new MachinePool.Bounds(2, 2)), nanos::get);
    awaitLook();
    pass(299);
    awaitLook();
    assertThat(made).isEmpty();
    pass(1);
    assertThat(opened.awaitReady(Duration.ofSeconds(10))).isTrue();
  }

  @Test
  void whileOthersWaitForTheirTurnTheyComeFirstForLonger() throws Exception {
    busy = true;
    crowded = true;
    var opened = open(Map.of(SMALL, new MachinePool.Bounds(1, 1)), nanos::get);
    awaitLook();
    pass(4999);
    awaitLook();
    assertThat(made).isEmpty();
    pass(1);
    assertThat(opened.awaitReady(Duration.ofSeconds(10))).isTrue();
  }

  @Test
  void theLastOfACrowdAreNotDisturbed() throws Exception {
    busy = true;
    crowded = true;
    var opened = open(Map.of(SMALL, new MachinePool.Bounds(1, 1)), nanos::get);
    awaitLook();
    pass(3000);
    awaitLook();
    assertThat(made).isEmpty();
    crowded = false;
    pass(299);
    awaitLook();
    assertThat(made).isEmpty();
    pass(1);
    assertThat(opened.awaitReady(Duration.ofSeconds(10))).isTrue();
  }

  @Test
  void whoeverTakesOneAfterTheOtherDoesNotKeepThePoolEmpty() {
    var opened = open(Map.of(SMALL, new MachinePool.Bounds(1, 4)), nanos::get);
    busy = true;
    await()
        .pollInterval(Duration.ofMillis(5))
        .until(
            () -> {
              pass(60);
              opened.take(SMALL).ifPresent(one -> one.taken = true);
              return opened.status().taken() >= 20;
            });
  }

  @Test
  void whatCannotBeMadeIsTriedAgainLater() throws Exception {
    broken = Set.of(SMALL);
    var opened = open(1, 1);
    assertThat(opened.awaitReady(Duration.ofMillis(100))).isFalse();
    broken = Set.of();
    assertThat(opened.awaitReady(Duration.ofMillis(100))).isFalse();
    nanos.addAndGet(Duration.ofSeconds(2).toNanos());
    assertThat(opened.awaitReady(Duration.ofSeconds(10))).isTrue();
  }

  @Test
  void whatIsTakenBackIsEndedAndCountsAsNone() throws Exception {
    var opened = open(1, 1);
    assertThat(opened.awaitReady(Duration.ofSeconds(10))).isTrue();
    Stand hangs = opened.take(SMALL).orElseThrow();
    opened.discard(hangs);
    await().until(() -> hangs.closed);
    var status = opened.status();
    assertThat(status.taken()).isZero();
    assertThat(status.missed()).isEqualTo(1);
    assertThat(status.discarded()).isEqualTo(1);

    assertThat(opened.awaitReady(Duration.ofSeconds(10))).isTrue();
    Stand late = opened.take(SMALL).orElseThrow();
    opened.close();
    opened.discard(late);
    assertThat(late.closed).isTrue();
  }

  @Test
  void whatCannotBeMadeDoesNotHoldBackOthers() throws Exception {
    broken = Set.of(SMALL);
    Map<String, MachinePool.Bounds> sizes = new LinkedHashMap<>();
    sizes.put(SMALL, new MachinePool.Bounds(2, 2));
    sizes.put(LARGE, new MachinePool.Bounds(2, 2));
    var opened = open(sizes, nanos::get);
    awaitWaiting(opened, 2);
    taken(opened, LARGE);
  }

  @Test
  void sizesTakeTurnsHoweverManyOfOneAreAskedFor() {
    Map<String, MachinePool.Bounds> sizes = new LinkedHashMap<>();
    sizes.put(SMALL, new MachinePool.Bounds(1, 100));
    sizes.put(LARGE, new MachinePool.Bounds(10, 10));
    busy = true;
    // Enough for 20.
    mebibytes = 512 + 19 * 40;
    var opened = open(sizes, nanos::get);
    for (int i = 0; i < 100; i++) {
      opened.take(SMALL).ifPresent(one -> one.taken = true);
    }
    busy = false;
    pass(100);
    awaitWaiting(opened, 20);
    for (int i = 0; i < 10; i++) {
      taken(opened, LARGE);
    }
  }

  @Test
  void anErrorEndsNoPool() throws Exception {
    failing = true;
    var opened = open(Map.of(SMALL, new MachinePool.Bounds(1, 1)), nanos::get);
    assertThat(opened.awaitReady(Duration.ofMillis(100))).isFalse();
    failing = false;
    pass(1000);
    assertThat(opened.awaitReady(Duration.ofSeconds(10))).isTrue();
    made.getFirst().error = new NoClassDefFoundError("a test's");
    await().until(() -> made.getFirst().asked);
    made.getFirst().error = null;
    made.getFirst().alive = false;
    await().until(() -> made.size() == 2 && opened.status().waiting() == 1);
  }

  @Test
  void ofOtherShapesThereIsNone() {
    assertThat(open(1, 1).take(LARGE)).isEmpty();
  }

  @Test
  void whatIsMadeWhileThePoolClosesIsEndedToo() throws Exception {
    CountDownLatch making = new CountDownLatch(1);
    CountDownLatch closing = new CountDownLatch(1);
    Stand late = new Stand();
    MachinePool<String, Stand> slow =
        MachinePool.open(
            Map.of(SMALL, new MachinePool.Bounds(1, 1)),
            Duration.ofMinutes(1),
            shape -> {
              making.countDown();
              closing.await();
              return late;
            },
            new Host(),
            nanos::get);
    making.await();
    Thread close = Thread.ofVirtual().start(slow::close);
    await().until(() -> slow.take(SMALL).equals(Optional.empty()) && close.isAlive());
    closing.countDown();
    close.join();
    assertThat(late.closed).isTrue();
    assertThat(slow.take(SMALL)).isEmpty();
    slow.close();
  }
}
