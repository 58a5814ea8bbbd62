package dev.belljar.server.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.InvalidOptionException;
import dev.belljar.server.store.SandboxRecord.Status;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TimeZone;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What holds on every database. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
abstract class MetadataStoreContract {
  static final Instant NOON = Instant.parse("2026-05-04T12:00:00.123456Z");
  static final Instant MORNING = Instant.parse("2026-05-04T08:00:00Z");

  private StoreConfig config;
  MetadataStore store;

  /** An empty database. */
  abstract StoreConfig emptyDatabase() throws Exception;

  @BeforeEach
  void open() throws Exception {
    config = emptyDatabase();
    store = MetadataStore.open(config);
  }

  @AfterEach
  void close() {
    store.close();
  }

  StoreConfig config() {
    return config;
  }

  void reopen() {
    store.close();
    store = MetadataStore.open(config);
  }

  // Tokens

  @Test
  void tokenIsFoundByItsSecretAlsoAfterARestart() {
    CreatedToken created = store.tokens().create("acme", "build server");

    assertThat(created.secret()).matches("ddo_[0-9A-Za-z]{40}");
    assertThat(created.token().organization()).isEqualTo("acme");
    assertThat(created.token().name()).isEqualTo("build server");
    assertThat(store.tokens().find(created.secret())).contains(created.token());
    reopen();
    assertThat(store.tokens().find(created.secret())).contains(created.token());
  }

  @Test
  void secretIsNeitherInTheDatabaseNorShown() throws Exception {
    CreatedToken created = store.tokens().create("acme", "");
    String random = created.secret().substring("ddo_".length());

    assertThat(rows("select * from tokens")).hasSize(1).noneMatch(row -> row.contains(random));
    assertThat(created.toString()).contains(created.token().id()).doesNotContain(random);
  }

  @Test
  void revokedTokenIsNotFoundButListed() {
    CreatedToken kept = store.tokens().create("acme", "kept");
    CreatedToken revoked = store.tokens().create("other", "revoked");

    assertThat(store.tokens().count()).isEqualTo(2);
    assertThat(store.tokens().revoke(revoked.token().id())).isTrue();

    assertThat(store.tokens().find(revoked.secret())).isEmpty();
    assertThat(store.tokens().find(kept.secret())).contains(kept.token());
    assertThat(store.tokens().count()).isEqualTo(1);
    List<TokenRecord> listed = store.tokens().list();
    assertThat(listed).extracting(TokenRecord::name).containsExactly("kept", "revoked");
    assertThat(listed.get(0).revokedAt()).isEmpty();
    assertThat(listed.get(1).revokedAt()).isPresent();
  }

  @Test
  void revokingTwiceKeepsTheFirstTime() {
    String id = store.tokens().create("acme", "").token().id();
    store.tokens().revoke(id);
    List<TokenRecord> before = store.tokens().list();

    assertThat(store.tokens().revoke(id)).isFalse();
    assertThat(store.tokens().revoke("tok_unknown")).isFalse();
    assertThat(store.tokens().revoke("' or '1' = '1")).isFalse();
    assertThat(store.tokens().list()).isEqualTo(before);
  }

  @Test
  void secretsOfNoTokenFindNothing() {
    CreatedToken created = store.tokens().create("acme", "");
    String right = created.secret();

    List<String> wrong =
        List.of(
            "",
            "ddo_",
            right.substring(0, 43),
            right + "a",
            right + "\n",
            " " + right,
            right.toUpperCase(java.util.Locale.ROOT),
            "ddo_" + "a".repeat(40),
            "ddo_" + "\0".repeat(40),
            "ddo_' or '1' = '1' --" + "a".repeat(21),
            "ddo_" + "%".repeat(40),
            "ddo_" + "é".repeat(40),
            "x".repeat(10_000_000));
    assertThat(wrong).allSatisfy(secret -> assertThat(store.tokens().find(secret)).isEmpty());
  }

  @ParameterizedTest
  @MethodSource("hostileTexts")
  void tokenNamesAreKeptToTheLetter(String name) {
    TokenRecord token = store.tokens().create("acme", name).token();

    assertThat(store.tokens().list()).containsExactly(token);
    assertThat(token.name()).isEqualTo(name);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "Acme", "a b", "a.b", "acme\n", "ä", "a'--", "a/../b", "a\0"})
  void organizationsOfAnotherFormAreRefused(String organization) {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> store.tokens().create(organization, ""));
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> store.sandboxes().find(organization, "sbx_1"));
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> store.sandboxes().countRunning(organization));
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> page(organization, Map.of(), Optional.empty(), Optional.empty(), 10));
  }

  @Test
  void longestNamesFitAndLongerOnesAreRefused() {
    TokenRecord token = store.tokens().create("o".repeat(63), "ü".repeat(100)).token();

    assertThat(store.tokens().list()).containsExactly(token);
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> store.tokens().create("o".repeat(64), ""));
    for (String name : List.of("x".repeat(101), "a\0b", "half \ud83d pair")) {
      assertThatExceptionOfType(InvalidOptionException.class)
          .isThrownBy(() -> store.tokens().create("acme", name));
    }
  }

  // Sandboxes

  @Test
  void sandboxIsReadAsItWasWritten() {
    SandboxRecord running =
        SandboxRecord.running(
            "sbx_loc_0123456789abcdefghjk",
            "acme",
            Instant.parse("2026-02-28T23:59:59.999999999Z"),
            Optional.of(Instant.parse("9999-12-31T23:59:59.999999Z")),
            Map.of("b", "2", "a", "1"),
            1280,
            "tok_1");
    SandboxRecord stopped =
        new SandboxRecord(
            "sbx_2",
            "acme",
            Instant.EPOCH,
            Optional.empty(),
            Optional.of(NOON),
            Optional.of("killed"),
            Map.of(),
            4096,
            "tok_1");
    store.sandboxes().insert(running);
    store.sandboxes().insert(stopped);
    reopen();

    assertThat(store.sandboxes().find("acme", running.id())).contains(running);
    assertThat(running.createdAt()).isEqualTo(Instant.parse("2026-02-28T23:59:59.999999Z"));
    assertThat(running.labels().keySet()).containsExactly("a", "b");
    assertThat(running.status()).isEqualTo(Status.RUNNING);
    assertThat(store.sandboxes().find("acme", "sbx_2")).contains(stopped);
    assertThat(stopped.status()).isEqualTo(Status.STOPPED);
  }

  @Test
  void timesDoNotDependOnTheZoneOfTheHost() {
    // Each names a local time there that does not exist or exists twice.
    List<Instant> times =
        List.of(
            Instant.parse("2026-03-08T06:59:59.999999Z"),
            Instant.parse("2026-03-08T07:30:00.000001Z"),
            Instant.parse("2026-11-01T05:30:00Z"),
            Instant.parse("2026-11-01T06:30:00Z"),
            Instant.parse("1970-01-01T00:00:00.000001Z"));
    TimeZone usual = TimeZone.getDefault();
    try {
      TimeZone.setDefault(TimeZone.getTimeZone("America/New_York"));
      reopen();
      for (int i = 0; i < times.size(); i++) {
        store.sandboxes().insert(sandbox("sbx_" + i, "acme", times.get(i), Map.of()));
      }
      TimeZone.setDefault(TimeZone.getTimeZone("Asia/Kathmandu"));
      reopen();
      for (int i = 0; i < times.size(); i++) {
        assertThat(store.sandboxes().find("acme", "sbx_" + i).orElseThrow().createdAt())
            .isEqualTo(times.get(i));
      }
    } finally {
      TimeZone.setDefault(usual);
    }
  }

  @Test
  void sandboxIsSeenOnlyByItsOrganization() {
    store.sandboxes().insert(sandbox("sbx_1", "acme", NOON, Map.of("k", "v")));

    assertThat(store.sandboxes().find("other", "sbx_1")).isEmpty();
    assertThat(page("other", Map.of(), Optional.empty(), Optional.empty(), 10).sandboxes())
        .isEmpty();
    assertThat(page("other", Map.of("k", "v"), Optional.empty(), Optional.empty(), 10).sandboxes())
        .isEmpty();
    assertThat(store.sandboxes().countRunning("other")).isZero();
    assertThat(store.sandboxes().countRunning("acme")).isEqualTo(1);
  }

  @Test
  void idsOfNoSandboxFindAndChangeNothing() {
    store.sandboxes().insert(sandbox("sbx_1", "acme", NOON, Map.of()));

    for (String id :
        List.of("", "sbx_2", "' or '1' = '1", "sbx_1\0", "sbx_%", "x".repeat(1_000_000))) {
      assertThat(store.sandboxes().find("acme", id)).isEmpty();
      assertThat(store.sandboxes().stopped(id, NOON, "killed")).isFalse();
      assertThat(store.sandboxes().stopAt(id, NOON)).isFalse();
    }
    assertThat(store.sandboxes().countRunning("acme")).isEqualTo(1);
  }

  @Test
  void sandboxStopsOnceAndForGood() {
    store.sandboxes().insert(sandbox("sbx_1", "acme", MORNING, Map.of("k", "v")));

    assertThat(store.sandboxes().stopAt("sbx_1", NOON)).isTrue();
    assertThat(store.sandboxes().stopped("sbx_1", NOON, "killed")).isTrue();
    assertThat(store.sandboxes().stopped("sbx_1", NOON.plusSeconds(1), "again")).isFalse();
    assertThat(store.sandboxes().stopAt("sbx_1", NOON.plusSeconds(1))).isFalse();

    SandboxRecord stopped = store.sandboxes().find("acme", "sbx_1").orElseThrow();
    assertThat(stopped.status()).isEqualTo(Status.STOPPED);
    assertThat(stopped.stopAt()).contains(NOON);
    assertThat(stopped.stoppedAt()).contains(NOON);
    assertThat(stopped.stopReason()).contains("killed");
    assertThat(stopped.labels()).isEqualTo(Map.of("k", "v"));
    assertThat(store.sandboxes().countRunning("acme")).isZero();
  }

  @Test
  void everyReasonOfStoppingCanBeKept() {
    List<String> reasons =
        List.of("", "x".repeat(100_000), "a\0b", "half \ud83d", "x".repeat(499) + "😀", "'; --");
    for (int i = 0; i < reasons.size(); i++) {
      store.sandboxes().insert(sandbox("sbx_" + i, "acme", MORNING, Map.of()));
      assertThat(store.sandboxes().stopped("sbx_" + i, NOON, reasons.get(i))).isTrue();
      assertThat(store.sandboxes().find("acme", "sbx_" + i).orElseThrow().stopReason())
          .hasValueSatisfying(reason -> assertThat(reason).hasSizeLessThanOrEqualTo(500));
    }
  }

  @Test
  void timesThatNoDatabaseKeepsAreRefused() {
    store.sandboxes().insert(sandbox("sbx_1", "acme", NOON, Map.of()));

    for (Instant time :
        List.of(
            Instant.MAX,
            Instant.MIN,
            Instant.ofEpochMilli(Long.MAX_VALUE),
            Instant.ofEpochMilli(-1))) {
      assertThatExceptionOfType(InvalidOptionException.class)
          .isThrownBy(() -> store.sandboxes().stopAt("sbx_1", time));
      assertThatExceptionOfType(InvalidOptionException.class)
          .isThrownBy(() -> store.sandboxes().stopped("sbx_1", time, "killed"));
      assertThatExceptionOfType(InvalidOptionException.class)
          .isThrownBy(() -> store.sandboxes().deleteStoppedBefore(time));
      assertThatExceptionOfType(InvalidOptionException.class)
          .isThrownBy(() -> sandbox("sbx_2", "acme", time, Map.of()));
    }
  }

  @Test
  void knownIdIsRefusedAndTheFirstSandboxStays() {
    SandboxRecord first = sandbox("sbx_1", "acme", NOON, Map.of("k", "v"));
    store.sandboxes().insert(first);

    assertThatExceptionOfType(StoreException.class)
        .isThrownBy(
            () -> store.sandboxes().insert(sandbox("sbx_1", "other", NOON, Map.of("x", "y"))))
        .withMessageContaining("23505")
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("sbx_1"));
    assertThat(store.sandboxes().find("acme", "sbx_1")).contains(first);
    assertThat(store.sandboxes().find("other", "sbx_1")).isEmpty();
  }

  // Labels

  @ParameterizedTest
  @MethodSource("hostileTexts")
  void labelsAreKeptAndFoundToTheLetter(String text) {
    SandboxRecord with = sandbox("sbx_1", "acme", NOON, Map.of("x" + text, text));
    store.sandboxes().insert(with);
    store.sandboxes().insert(sandbox("sbx_2", "acme", NOON, Map.of("x" + text, "other")));

    assertThat(found(Map.of("x" + text, text))).containsExactly("sbx_1");
    assertThat(store.sandboxes().find("acme", "sbx_1")).contains(with);
  }

  static List<String> hostileTexts() {
    return List.of(
        "",
        "'; drop table sandboxes; --",
        "' or '1' = '1",
        "\" :name0 ? ${x} {fn now()}",
        "100% _ \\",
        "line\nbreak\ttab",
        "😀 日本 é e\u0301",
        "\u202e\ufeff");
  }

  @Test
  void labelsMustAllMatch() {
    store.sandboxes().insert(sandbox("sbx_1", "acme", NOON, Map.of("a", "1", "b", "2")));
    store.sandboxes().insert(sandbox("sbx_2", "acme", NOON, Map.of("a", "1", "b", "3")));
    store.sandboxes().insert(sandbox("sbx_3", "acme", NOON, Map.of("a", "2", "c", "1")));

    assertThat(found(Map.of("a", "1"))).containsExactlyInAnyOrder("sbx_1", "sbx_2");
    assertThat(found(Map.of("a", "1", "b", "2"))).containsExactly("sbx_1");
    assertThat(found(Map.of("a", "1", "c", "1"))).isEmpty();
    assertThat(found(Map.of("A", "1"))).isEmpty();
    assertThat(found(Map.of("a", ""))).isEmpty();
    assertThat(found(Map.of())).hasSize(3);
  }

  @Test
  void fiveLabelsOfFullLengthAreKeptAndFound() {
    Map<String, String> labels = new HashMap<>();
    for (int i = 0; i < 5; i++) {
      labels.put(i + "k".repeat(63), "é".repeat(64));
    }
    SandboxRecord sandbox = sandbox("sbx_1", "acme", NOON, labels);
    store.sandboxes().insert(sandbox);

    assertThat(store.sandboxes().find("acme", "sbx_1")).contains(sandbox);
    assertThat(found(labels)).containsExactly("sbx_1");
  }

  @Test
  void labelsOutOfBoundsAreRefusedEverywhere() {
    Map<String, String> six = new HashMap<>();
    for (int i = 0; i < 6; i++) {
      six.put("k" + i, "");
    }
    for (Map<String, String> labels :
        List.of(
            six,
            Map.of("", "v"),
            Map.of("k".repeat(65), "v"),
            Map.of("é".repeat(33), "v"),
            Map.of("k", "v".repeat(129)),
            Map.of("k", "é".repeat(65)),
            Map.of("k", "a\0b"),
            Map.of("k\0", "v"),
            Map.of("k", "\udc00"))) {
      assertThatExceptionOfType(InvalidOptionException.class)
          .isThrownBy(() -> sandbox("sbx_1", "acme", NOON, labels));
      assertThatExceptionOfType(InvalidOptionException.class).isThrownBy(() -> found(labels));
    }
  }

  // Pages

  @Test
  void listIsNewestFirstAndFilteredByStatus() {
    store.sandboxes().insert(sandbox("sbx_old", "acme", NOON.minusSeconds(1), Map.of()));
    store.sandboxes().insert(sandbox("sbx_new", "acme", NOON.plusNanos(1000), Map.of("k", "v")));
    store.sandboxes().insert(sandbox("sbx_mid", "acme", NOON, Map.of()));
    store.sandboxes().stopped("sbx_new", NOON.plusSeconds(1), "killed");

    assertThat(ids(page("acme", Map.of(), Optional.empty(), Optional.empty(), 10)))
        .containsExactly("sbx_new", "sbx_mid", "sbx_old");
    assertThat(ids(page("acme", Map.of(), Optional.of(Status.RUNNING), Optional.empty(), 10)))
        .containsExactly("sbx_mid", "sbx_old");
    assertThat(
            ids(page("acme", Map.of("k", "v"), Optional.of(Status.STOPPED), Optional.empty(), 10)))
        .containsExactly("sbx_new");
  }

  @Test
  void pagesMeetEachSandboxOnceWhileOthersComeAndGo() {
    Set<String> made = new HashSet<>();
    for (int i = 0; i < 25; i++) {
      // Ten at a time share their microsecond, more than a page has.
      made.add("sbx_" + i);
      store.sandboxes().insert(sandbox("sbx_" + i, "acme", NOON.plusSeconds(i / 10), labels(i)));
    }
    List<String> met = new ArrayList<>();
    Optional<String> cursor = Optional.empty();
    int pages = 0;
    do {
      SandboxPage page = page("acme", Map.of(), Optional.empty(), cursor, 7);
      assertThat(page.sandboxes())
          .allSatisfy(
              sandbox ->
                  assertThat(sandbox.labels())
                      .isEqualTo(labels(Integer.parseInt(sandbox.id().substring(4)))));
      met.addAll(ids(page));
      cursor = page.nextCursor();
      store
          .sandboxes()
          .insert(sandbox("sbx_late" + pages++, "acme", NOON.plusSeconds(60), Map.of()));
    } while (cursor.isPresent() && pages < 100);

    assertThat(met).doesNotHaveDuplicates().containsExactlyInAnyOrderElementsOf(made);
    assertThat(pages).isEqualTo(4);
  }

  @Test
  void pageThatIsExactlyFullIsTheLast() {
    store.sandboxes().insert(sandbox("sbx_1", "acme", NOON, Map.of()));
    store.sandboxes().insert(sandbox("sbx_2", "acme", NOON, Map.of()));

    SandboxPage page = page("acme", Map.of(), Optional.empty(), Optional.empty(), 2);
    assertThat(page.sandboxes()).hasSize(2);
    assertThat(page.nextCursor()).isEmpty();
  }

  @Test
  void cursorGoesOnBehindASandboxThatIsGone() {
    for (int i = 0; i < 4; i++) {
      store.sandboxes().insert(sandbox("sbx_" + i, "acme", NOON.plusSeconds(i), Map.of()));
    }
    SandboxPage first = page("acme", Map.of(), Optional.empty(), Optional.empty(), 2);
    store.sandboxes().stopped("sbx_2", NOON, "killed");
    store.sandboxes().deleteStoppedBefore(NOON.plusSeconds(1));

    assertThat(ids(first)).containsExactly("sbx_3", "sbx_2");
    assertThat(ids(page("acme", Map.of(), Optional.empty(), first.nextCursor(), 2)))
        .containsExactly("sbx_1", "sbx_0");
  }

  @Test
  void tamperedCursorIsRefused() {
    store.sandboxes().insert(sandbox("sbx_1", "acme", NOON, Map.of()));
    List<String> bad =
        new ArrayList<>(
            List.of(
                "",
                "=",
                "a b",
                "\0",
                "é",
                "../../x",
                "x".repeat(121),
                "A".repeat(10_000_000),
                "' or '1' = '1"));
    for (String plain :
        List.of(
            "",
            ".",
            "1.",
            ".sbx_1",
            "-1.sbx_1",
            "1.sbx 1",
            "1.' or '1' = '1",
            "999999999999999999.sbx_1",
            "9999999999999999999.sbx_1",
            "٣.sbx_1",
            "1.sbx_1\n",
            "1." + "x".repeat(65))) {
      bad.add(
          Base64.getUrlEncoder()
              .withoutPadding()
              .encodeToString(plain.getBytes(StandardCharsets.UTF_8)));
    }
    assertThat(bad)
        .allSatisfy(
            cursor ->
                assertThatExceptionOfType(BadCursorException.class)
                    .isThrownBy(
                        () -> page("acme", Map.of(), Optional.empty(), Optional.of(cursor), 10)));
  }

  @Test
  void cursorOfAnotherOrganizationShowsNothingOfIt() {
    for (int i = 0; i < 3; i++) {
      store.sandboxes().insert(sandbox("sbx_" + i, "acme", NOON.plusSeconds(i), Map.of()));
    }
    Optional<String> cursor =
        page("acme", Map.of(), Optional.empty(), Optional.empty(), 1).nextCursor();

    assertThat(cursor).isPresent();
    assertThat(page("other", Map.of(), Optional.empty(), cursor, 10).sandboxes()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(ints = {Integer.MIN_VALUE, -1, 0, 1001, Integer.MAX_VALUE})
  void pagesOfNoSizeAreRefused(int limit) {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> page("acme", Map.of(), Optional.empty(), Optional.empty(), limit));
  }

  // After a crash, retention

  @Test
  void whatACrashLeftRunningIsStopped() {
    store.sandboxes().insert(sandbox("sbx_1", "acme", MORNING, Map.of()));
    store.sandboxes().insert(sandbox("sbx_2", "other", MORNING, Map.of()));
    store.sandboxes().insert(sandbox("sbx_3", "acme", MORNING, Map.of()));
    store.sandboxes().stopped("sbx_3", MORNING, "killed");

    assertThat(store.sandboxes().stopAllRunning(NOON, "server ended")).isEqualTo(2);
    assertThat(store.sandboxes().stopAllRunning(NOON, "server ended")).isZero();
    assertThat(store.sandboxes().find("other", "sbx_2").orElseThrow().stopReason())
        .contains("server ended");
    assertThat(store.sandboxes().find("acme", "sbx_3").orElseThrow().stopReason())
        .contains("killed");
  }

  @Test
  void retentionForgetsStoppedSandboxesAndTheirLabels() throws Exception {
    store.sandboxes().insert(sandbox("sbx_running", "acme", MORNING, Map.of("k", "v")));
    store.sandboxes().insert(sandbox("sbx_before", "acme", MORNING, Map.of("k", "v", "l", "w")));
    store.sandboxes().insert(sandbox("sbx_at", "acme", MORNING, Map.of("k", "v")));
    store.sandboxes().stopped("sbx_before", NOON.minusNanos(1000), "killed");
    store.sandboxes().stopped("sbx_at", NOON, "killed");

    assertThat(store.sandboxes().deleteStoppedBefore(NOON)).isEqualTo(1);
    assertThat(found(Map.of("k", "v"))).containsExactlyInAnyOrder("sbx_running", "sbx_at");
    assertThat(rows("select sandbox_id from sandbox_labels"))
        .containsExactlyInAnyOrder("[sbx_running]", "[sbx_at]");
  }

  // Many at once, and ends

  @Test
  void concurrentInsertsAndListsAllSucceed() throws Exception {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> work = new ArrayList<>();
      for (int thread = 0; thread < 40; thread++) {
        int number = thread;
        work.add(
            threads.submit(
                () -> {
                  for (int i = 0; i < 10; i++) {
                    String id = "sbx_" + number + "_" + i;
                    store.sandboxes().insert(sandbox(id, "acme", NOON, labels(i)));
                    page("acme", labels(i), Optional.empty(), Optional.empty(), 20);
                    if (i % 2 == 0) {
                      assertThat(store.sandboxes().stopped(id, NOON, "killed")).isTrue();
                    }
                  }
                }));
      }
      for (Future<?> done : work) {
        done.get();
      }
    }
    assertThat(store.sandboxes().countRunning("acme")).isEqualTo(200);
    assertThat(ids(page("acme", Map.of(), Optional.empty(), Optional.empty(), 1000)))
        .hasSize(400)
        .doesNotHaveDuplicates();
  }

  @Test
  void oneIdIsInsertedOnceHoweverManyTry() throws Exception {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Boolean>> tries =
          IntStream.range(0, 20)
              .mapToObj(
                  i ->
                      threads.submit(
                          () -> {
                            try {
                              store.sandboxes().insert(sandbox("sbx_1", "acme", NOON, labels(i)));
                              return true;
                            } catch (StoreException e) {
                              return false;
                            }
                          }))
              .toList();
      int succeeded = 0;
      for (Future<Boolean> attempt : tries) {
        succeeded += attempt.get() ? 1 : 0;
      }
      assertThat(succeeded).isEqualTo(1);
    }
    assertThat(store.sandboxes().countRunning("acme")).isEqualTo(1);
  }

  @Test
  void interruptedThreadStillWritesAndStaysInterrupted() {
    store.sandboxes().insert(sandbox("sbx_1", "acme", NOON, Map.of("k", "v")));
    Thread.currentThread().interrupt();
    try {
      assertThat(store.sandboxes().stopped("sbx_1", NOON, "killed")).isTrue();
      assertThat(Thread.currentThread().isInterrupted()).isTrue();
      store.close();
    } finally {
      Thread.interrupted();
    }
    reopen();
    assertThat(store.sandboxes().find("acme", "sbx_1").orElseThrow().stopReason())
        .contains("killed");
  }

  @Test
  void threadsInterruptedAtAnyMomentLoseNothing() throws Exception {
    AtomicInteger inserted = new AtomicInteger();
    List<Thread> threads = new ArrayList<>();
    for (int thread = 0; thread < 20; thread++) {
      int number = thread;
      threads.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    for (int i = 0; !Thread.currentThread().isInterrupted(); i++) {
                      String id = "sbx_" + number + "_" + i;
                      store.sandboxes().insert(sandbox(id, "acme", NOON, labels(i)));
                      inserted.incrementAndGet();
                      found(labels(i));
                    }
                  }));
    }
    for (Thread thread : threads) {
      Thread.sleep(20);
      thread.interrupt();
    }
    for (Thread thread : threads) {
      assertThat(thread.join(Duration.ofSeconds(20))).isTrue();
    }
    assertThat(inserted.get()).isPositive();
    reopen();
    assertThat(store.sandboxes().countRunning("acme")).isEqualTo(inserted.get());
  }

  @Test
  void closedStoreRefusesAndMayBeClosedAgain() {
    store.close();
    store.close();

    assertThatExceptionOfType(StoreException.class).isThrownBy(() -> store.tokens().count());
  }

  @Test
  void databaseOfANewerReleaseIsRefusedAndLeftAlone() throws Exception {
    String secret = store.tokens().create("acme", "").secret();
    try (Connection connection = connect();
        Statement statement = connection.createStatement()) {
      statement.execute(
          """
          insert into "flyway_schema_history" ("installed_rank", "version", "description", "type",
            "script", "checksum", "installed_by", "execution_time", "success")
          values (99, '99', 'from the future', 'SQL', 'V99__from_the_future.sql', 1, 'x', 1, true)
          """);
    }
    store.close();

    assertThatExceptionOfType(StoreException.class)
        .isThrownBy(() -> MetadataStore.open(config))
        .withMessageContaining("newer");
    // Still not in use: whatever a refused opening held is released.
    try (Connection connection = connect();
        Statement statement = connection.createStatement()) {
      statement.execute("delete from \"flyway_schema_history\" where \"version\" = '99'");
    }
    reopen();
    assertThat(store.tokens().find(secret)).isPresent();
  }

  @Test
  void nothingIsLeftOpenAfterClose() {
    store.tokens().create("acme", "");
    store.close();
    // The second time: what a JVM keeps for good is there by then.
    Set<Thread> threads = Thread.getAllStackTraces().keySet();
    Set<String> files = openFiles();
    for (int i = 0; i < 3; i++) {
      try (MetadataStore again = MetadataStore.open(config)) {
        again.tokens().create("acme", "");
      }
    }

    Awaitility.await()
        .atMost(Duration.ofSeconds(20))
        .untilAsserted(
            () -> {
              assertThat(Thread.getAllStackTraces().keySet())
                  .filteredOn(thread -> !threads.contains(thread))
                  .extracting(Thread::getName)
                  .filteredOn(name -> !isKeptByTheRuntime(name))
                  .isEmpty();
              assertThat(openFiles()).isSubsetOf(files);
            });
  }

  /** One for the whole JVM, however many stores there were. */
  private static boolean isKeptByTheRuntime(String thread) {
    return thread.equals("PostgreSQL-JDBC-Cleaner")
        || thread.startsWith("awaitility")
        || thread.startsWith("ForkJoinPool")
        || thread.startsWith("VirtualThread-")
        // Of the default group of asynchronous channels.
        || thread.matches("Thread-\\d+");
  }

  private static Set<String> openFiles() {
    Set<String> files = new HashSet<>();
    try (var descriptors = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path descriptor : descriptors) {
        String target;
        try {
          target = Files.readSymbolicLink(descriptor).toString();
        } catch (java.nio.file.NoSuchFileException e) {
          continue;
        }
        if (target.startsWith("socket:") || target.contains("metadata")) {
          files.add(target);
        }
      }
      return files;
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  static SandboxRecord sandbox(
      String id, String organization, Instant createdAt, Map<String, String> labels) {
    return SandboxRecord.running(
        id, organization, createdAt, Optional.empty(), labels, 1280, "tok_1");
  }

  private static Map<String, String> labels(int number) {
    Map<String, String> labels = new HashMap<>();
    for (int i = 0; i < number % 6; i++) {
      labels.put("label" + i, "value" + number % 4);
    }
    return labels;
  }

  private SandboxPage page(
      String organization,
      Map<String, String> labels,
      Optional<Status> status,
      Optional<String> cursor,
      int limit) {
    return store.sandboxes().list(organization, labels, status, cursor, limit);
  }

  private List<String> found(Map<String, String> labels) {
    return ids(page("acme", labels, Optional.empty(), Optional.empty(), 100));
  }

  private static List<String> ids(SandboxPage page) {
    return page.sandboxes().stream().map(SandboxRecord::id).toList();
  }

  Connection connect() throws SQLException {
    return DriverManager.getConnection(config.jdbcUrl(), config.user(), config.password());
  }

  private List<String> rows(String query) throws SQLException {
    List<String> rows = new ArrayList<>();
    try (Connection connection = connect();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      while (row.next()) {
        List<String> values = new ArrayList<>();
        for (int i = 1; i <= row.getMetaData().getColumnCount(); i++) {
          values.add(row.getString(i));
        }
        rows.add(values.toString());
      }
    }
    return rows;
  }
}
