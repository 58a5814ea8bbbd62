package dev.belljar.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.SandboxUnavailableException;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** Volumes and snapshots over REST, and sandboxes that have them. */
class StorageTest {
  private static final String VOLUMES = "/api/v2/volumes";
  private static final String SNAPSHOTS = "/api/v2/snapshots";
  private static final Pattern NEXT = Pattern.compile("<([^>]*)>; rel=\"next\"");

  @TempDir static Path data;
  private static TestServer server;
  private static int organizations;

  /** Of an organization that has nothing yet. */
  private String token = "";

  private String organization = "";

  @BeforeAll
  static void start() {
    server = new TestServer(data, Duration.ofSeconds(30));
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @BeforeEach
  void anotherOrganization() {
    organization = "storage-" + ++organizations;
    token = server.token(organization);
  }

  private HttpResponse<String> http(String method, String path, String body) throws Exception {
    return server.http(method, path, token, body);
  }

  /** What is answered to what succeeds. */
  private JsonNode json(String method, String path, String body) throws Exception {
    HttpResponse<String> response = http(method, path, body);
    assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
    assertThat(response.headers().firstValue("content-type").orElse(""))
        .startsWith("application/json");
    return RawClient.JSON.readTree(response.body());
  }

  private JsonNode volume(String slug, String more) throws Exception {
    return json("POST", VOLUMES, "{\"slug\":\"" + slug + "\",\"capacity\":\"1GB\"" + more + "}");
  }

  private JsonNode snapshot(String volume, String slug) throws Exception {
    return json("POST", VOLUMES + "/" + volume + "/snapshot", "{\"slug\":\"" + slug + "\"}");
  }

  private static void assertError(HttpResponse<String> response, int status, String code) {
    assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
    JsonNode body = RawClient.JSON.readTree(response.body());
    assertThat(body.get("code").stringValue()).isEqualTo(code);
    assertThat(body.get("message").stringValue()).isNotBlank().hasSizeLessThan(500);
    assertThat(body.size()).isEqualTo(2);
  }

  private static void assertRefused(RawClient client, int status, String code) throws IOException {
    try (client) {
      assertThat(client.status()).as(client.body()).isEqualTo(status);
      assertThat(RawClient.JSON.readTree(client.body()).get("code").stringValue()).isEqualTo(code);
    }
  }

  @Test
  void aVolumeIsMadeShownDeletedAndRestored() throws Exception {
    JsonNode made =
        json(
            "POST",
            VOLUMES,
            "{\"slug\":\"tools\",\"region\":\"ord\",\"capacity\":\"2GiB\",\"from\":\"builtin:debian-13\"}");
    String id = made.get("id").stringValue();
    assertThat(id).matches("vol_[a-z]{3}_[0-9a-hjkmnp-z]{20}");
    assertThat(made)
        .isEqualTo(
            RawClient.JSON.readTree(
                """
                {"id":"%s","slug":"tools","region":"loc","capacity":2147483648,
                 "estimated_allocated_size":1000,"estimated_flattened_size":2000,"used_size":1500,"is_bootable":true,
                 "base_snapshot":null,"holder":null,"deleted_at":null}
                """
                    .formatted(id)));
    assertThat(json("GET", VOLUMES + "/tools", "")).isEqualTo(made);
    assertThat(json("GET", VOLUMES + "/" + id, "")).isEqualTo(made);

    assertThat(json("DELETE", VOLUMES + "/tools", "").isEmpty()).isTrue();
    assertError(http("GET", VOLUMES + "/tools", ""), 404, "STORAGE_NOT_FOUND");
    assertError(http("GET", VOLUMES + "/" + id, ""), 404, "STORAGE_NOT_FOUND");
    assertError(http("DELETE", VOLUMES + "/" + id, ""), 404, "STORAGE_NOT_FOUND");
    assertThat(json("GET", VOLUMES, "").isEmpty()).isTrue();
    assertThat(json("GET", VOLUMES + "/" + id + "?deleted=true", "").get("deleted_at"))
        .isEqualTo(RawClient.JSON.readTree("\"2026-01-02T03:04:05Z\""));

    assertThat(json("POST", VOLUMES + "/tools/restore", "")).isEqualTo(made);
    assertThat(json("GET", VOLUMES + "/tools", "")).isEqualTo(made);
    assertError(http("POST", VOLUMES + "/tools/restore", "{}"), 404, "STORAGE_NOT_FOUND");
    assertError(http("POST", VOLUMES + "/x/restore", "{\"a\":1}"), 400, "INVALID_REQUEST");
  }

  @Test
  void aSnapshotIsMadeShownBuiltOnAndDeleted() throws Exception {
    String volume = volume("base", ",\"from\":\"builtin:debian-13\"").get("id").stringValue();
    JsonNode made = snapshot("base", "base-1");
    String id = made.get("id").stringValue();
    assertThat(id).matches("snp_[a-z]{3}_[0-9a-hjkmnp-z]{20}");
    assertThat(made)
        .isEqualTo(
            RawClient.JSON.readTree(
                """
                {"id":"%s","slug":"base-1","region":"loc","capacity":1000000000,"allocated_size":300,
                 "flattened_size":4000,"is_bootable":true,"volume":{"id":"%s","slug":"base"}}
                """
                    .formatted(id, volume)));
    assertThat(json("GET", SNAPSHOTS + "/base-1", "")).isEqualTo(made);
    assertThat(json("GET", SNAPSHOTS + "/" + id, "")).isEqualTo(made);
    assertThat(volume("copy", ",\"from\":\"base-1\"").get("base_snapshot"))
        .isEqualTo(RawClient.JSON.readTree("{\"id\":\"%s\",\"slug\":\"base-1\"}".formatted(id)));

    assertThat(json("DELETE", SNAPSHOTS + "/base-1", "").isEmpty()).isTrue();
    assertError(http("GET", SNAPSHOTS + "/" + id, ""), 404, "STORAGE_NOT_FOUND");
    assertError(http("DELETE", SNAPSHOTS + "/" + id, ""), 404, "STORAGE_NOT_FOUND");
  }

  @Test
  void whatTheOfficialClientSendsOfItselfIsNoMistake() throws Exception {
    volume("by-class", ",\"token\":\"ddo_x\",\"org\":\"o\",\"apiEndpoint\":\"http://h\"");
    json(
        "POST",
        VOLUMES + "/by-class/snapshot",
        "{\"slug\":\"by-class-1\",\"token\":\"ddo_x\",\"org\":null}");
  }

  @ParameterizedTest
  @CsvSource({
    "1000000000, 1000000000",
    "1e9, 1000000000",
    "'\"1GB\"', 1000000000",
    "'\"1GiB\"', 1073741824",
    "'\"1.5 GB\"', 1500000000",
    "'\"400000kB\"', 400000000"
  })
  void aCapacityIsBytesOrText(String capacity, long bytes) throws Exception {
    JsonNode made = json("POST", VOLUMES, "{\"slug\":\"sized\",\"capacity\":" + capacity + "}");
    assertThat(made.get("capacity").longValue()).isEqualTo(bytes);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{",
        "[]",
        "null",
        "7",
        "{}",
        "{\"slug\":\"a\"}",
        "{\"slug\":\"a\",\"capacity\":null}",
        "{\"capacity\":\"1GB\"}",
        "{\"slug\":5,\"capacity\":\"1GB\"}",
        "{\"slug\":\"\",\"capacity\":\"1GB\"}",
        "{\"slug\":\"-a\",\"capacity\":\"1GB\"}",
        "{\"slug\":\"A\",\"capacity\":\"1GB\"}",
        "{\"slug\":\"a b\",\"capacity\":\"1GB\"}",
        "{\"slug\":\"../a\",\"capacity\":\"1GB\"}",
        "{\"slug\":\"a\\u0000\",\"capacity\":\"1GB\"}",
        "{\"slug\":\"a\",\"capacity\":\"lots\"}",
        "{\"slug\":\"a\",\"capacity\":\"-1GB\"}",
        "{\"slug\":\"a\",\"capacity\":\"999999999999999TB\"}",
        "{\"slug\":\"a\",\"capacity\":-1}",
        "{\"slug\":\"a\",\"capacity\":0}",
        "{\"slug\":\"a\",\"capacity\":1e9999}",
        "{\"slug\":\"a\",\"capacity\":1e300}",
        "{\"slug\":\"a\",\"capacity\":1000000000.5}",
        "{\"slug\":\"a\",\"capacity\":123456789012345678901234567890}",
        "{\"slug\":\"a\",\"capacity\":true}",
        "{\"slug\":\"a\",\"capacity\":[1]}",
        "{\"slug\":\"a\",\"capacity\":\"1MB\"}",
        "{\"slug\":\"a\",\"capacity\":\"1TB\"}",
        "{\"slug\":\"a\",\"capacity\":\"1GB\",\"from\":5}",
        "{\"slug\":\"a\",\"capacity\":\"1GB\",\"region\":5}",
        "{\"slug\":\"a\",\"capacity\":\"1GB\",\"from\":\"a\\nb\"}",
        "{\"slug\":\"a\",\"capacity\":\"1GB\",\"encrypted\":true}"
      })
  void aVolumeCannotBeAskedForWrongly(String body) throws Exception {
    assertError(http("POST", VOLUMES, body), 400, "INVALID_REQUEST");
    assertThat(json("GET", VOLUMES, "").isEmpty()).isTrue();
  }

  @Test
  void longTextsAreRefusedAndNotRepeated() throws Exception {
    String text = "x".repeat(100_000);
    for (String body :
        List.of(
            "{\"slug\":\"" + text + "\",\"capacity\":\"1GB\"}",
            "{\"slug\":\"a\",\"capacity\":\"" + text + "\"}",
            "{\"slug\":\"a\",\"capacity\":1" + "0".repeat(100_000) + "}",
            "{\"slug\":\"a\",\"capacity\":\"1GB\",\"from\":\"" + text + "\"}",
            "{\"slug\":\"a\",\"capacity\":\"1GB\",\"region\":\"" + text + "\"}",
            "{\"slug\":\"a\",\"capacity\":\"1GB\",\"" + text + "\":1}",
            "[".repeat(100_000))) {
      assertError(http("POST", VOLUMES, body), 400, "INVALID_REQUEST");
    }
    assertError(http("POST", VOLUMES, " ".repeat(2 << 20) + "{}"), 413, "BODY_TOO_LARGE");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{}",
        "[]",
        "{\"slug\":5}",
        "{\"slug\":\"No\"}",
        "{\"slug\":\"a\",\"capacity\":\"1GB\"}"
      })
  void aSnapshotCannotBeAskedForWrongly(String body) throws Exception {
    volume("data", "");
    assertError(http("POST", VOLUMES + "/data/snapshot", body), 400, "INVALID_REQUEST");
    assertThat(json("GET", SNAPSHOTS, "").isEmpty()).isTrue();
  }

  @Test
  void slugsAreOneNamespaceOfAnOrganization() throws Exception {
    volume("one", "");
    snapshot("one", "two");
    for (String slug : List.of("one", "two")) {
      assertError(
          http("POST", VOLUMES, "{\"slug\":\"" + slug + "\",\"capacity\":\"1GB\"}"),
          409,
          "SLUG_TAKEN");
      assertError(
          http("POST", VOLUMES + "/one/snapshot", "{\"slug\":\"" + slug + "\"}"),
          409,
          "SLUG_TAKEN");
    }
    json("DELETE", VOLUMES + "/one", "");
    volume("one", "");
    assertError(http("POST", VOLUMES + "/one/restore", ""), 409, "SLUG_TAKEN");
  }

  @ParameterizedTest
  @CsvSource({
    "GET, /api/v2/volumes/nothing",
    "DELETE, /api/v2/volumes/nothing",
    "POST, /api/v2/volumes/nothing/restore",
    "GET, /api/v2/snapshots/nothing",
    "DELETE, /api/v2/snapshots/nothing",
    "GET, /api/v2/volumes/vol_loc_00000000000000000000",
    "GET, /api/v2/volumes/a%20b",
    "GET, /api/v2/volumes/%F0%9F%98%80",
    "DELETE, /api/v2/snapshots/a.b",
    "GET, /api/v2/volumes/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
  })
  void whatIsNotThereIs404(String method, String path) throws Exception {
    assertError(http(method, path, ""), 404, "STORAGE_NOT_FOUND");
  }

  @Test
  void whatDoesNotExistCannotBeBuiltOn() throws Exception {
    assertError(
        http("POST", VOLUMES, "{\"slug\":\"a\",\"capacity\":\"1GB\",\"from\":\"nothing\"}"),
        404,
        "STORAGE_NOT_FOUND");
    assertError(
        http("POST", VOLUMES + "/nothing/snapshot", "{\"slug\":\"a\"}"), 404, "STORAGE_NOT_FOUND");
  }

  @ParameterizedTest
  @CsvSource({
    "POST, /api/v2/snapshots",
    "PUT, /api/v2/volumes/x",
    "PATCH, /api/v2/volumes/x",
    "GET, /api/v2/volumes/x/snapshot",
    "DELETE, /api/v2/volumes"
  })
  void thereAreNoOtherMethods(String method, String path) throws Exception {
    assertError(http(method, path, ""), 405, "METHOD_NOT_ALLOWED");
  }

  @Test
  void whatOthersHaveCannotBeToldFromNothing() throws Exception {
    String id = volume("mine", "").get("id").stringValue();
    String copy = snapshot("mine", "mine-1").get("id").stringValue();
    String stranger = server.token("strangers-of-" + organization);
    for (String request :
        List.of(
            "GET /volumes/mine",
            "GET /volumes/" + id,
            "DELETE /volumes/" + id,
            "POST /volumes/" + id + "/snapshot",
            "POST /volumes/" + id + "/restore",
            "GET /snapshots/mine-1",
            "GET /snapshots/" + copy,
            "DELETE /snapshots/" + copy)) {
      String[] words = request.split(" ", -1);
      String body = request.endsWith("/snapshot") ? "{\"slug\":\"s\"}" : "";
      assertError(
          server.http(words[0], "/api/v2" + words[1], stranger, body), 404, "STORAGE_NOT_FOUND");
    }
    for (String list : List.of(VOLUMES, SNAPSHOTS)) {
      assertThat(server.http("GET", list, stranger, "").body()).isEqualTo("[]");
    }
    for (String config :
        List.of(
            "{\"root\":{\"volume\":\"" + copy + "\"}}",
            "{\"volumes\":{\"/data\":\"" + id + "\"}}")) {
      assertRefused(server.create(stranger, config), 404, "STORAGE_NOT_FOUND");
    }
    assertThat(json("GET", VOLUMES + "/mine", "").get("deleted_at").isNull()).isTrue();
    assertThat(
            server
                .http("POST", VOLUMES, stranger, "{\"slug\":\"mine\",\"capacity\":\"1GB\"}")
                .statusCode())
        .isEqualTo(200);
  }

  @ParameterizedTest
  @ValueSource(strings = {VOLUMES, SNAPSHOTS})
  void listsArePaged(String list) throws Exception {
    for (int i = 0; i < 5; i++) {
      volume("odd-" + i, "");
      snapshot("odd-" + i, "even-" + i + "-odd");
      volume("none-" + i, "");
    }
    List<String> seen = new ArrayList<>();
    String path = list + "?limit=2&search=odd";
    int pages = 0;
    while (!path.isEmpty()) {
      HttpResponse<String> page = http("GET", path, "");
      assertThat(page.statusCode()).as(page.body()).isEqualTo(200);
      RawClient.JSON
          .readTree(page.body())
          .forEach(node -> seen.add(node.get("slug").stringValue()));
      Optional<String> link = page.headers().firstValue("link");
      path = "";
      if (link.isPresent()) {
        Matcher matcher = NEXT.matcher(link.get());
        assertThat(matcher.matches()).as(link.get()).isTrue();
        URI next = URI.create(matcher.group(1));
        assertThat(next.isAbsolute()).isTrue();
        assertThat(next.getRawQuery()).contains("cursor=", "limit=2", "search=odd");
        path = next.getRawPath() + "?" + next.getRawQuery();
      }
      pages++;
    }
    assertThat(pages).isEqualTo(3);
    assertThat(seen).hasSize(5).doesNotHaveDuplicates().allMatch(slug -> slug.contains("odd"));
    assertThat(json("GET", list + "?search=", "").size()).isEqualTo(list.equals(VOLUMES) ? 10 : 5);
    assertThat(json("GET", list + "?search=%C3%BC", "").isEmpty()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "limit=x",
        "limit=",
        "limit=0",
        "limit=-1",
        "limit=101",
        "limit=99999999999",
        "cursor=",
        "cursor=x",
        "cursor=%00",
        "cursor=%ff",
        "search=%00",
        "search=%e4"
      })
  void listsCannotBeAskedForWrongly(String query) throws Exception {
    for (String list : List.of(VOLUMES, SNAPSHOTS)) {
      HttpResponse<String> response = http("GET", list + "?" + query, "");
      assertError(response, 400, "INVALID_REQUEST");
    }
  }

  @Test
  void longQueriesAreRefused() throws Exception {
    for (String name : List.of("cursor", "search", "limit", "deleted")) {
      String query = "?" + name + "=" + "x".repeat(10_000);
      assertError(
          http("GET", name.equals("deleted") ? VOLUMES + "/x" + query : VOLUMES + query, ""),
          400,
          "INVALID_REQUEST");
    }
  }

  @ParameterizedTest
  @EnumSource(Reason.class)
  void eachReasonHasAStatusAndACode(Reason reason) throws Exception {
    String[] expected =
        switch (reason) {
          case NOT_FOUND -> new String[] {"404", "STORAGE_NOT_FOUND"};
          case SLUG_TAKEN -> new String[] {"409", "SLUG_TAKEN"};
          case BUSY -> new String[] {"409", "VOLUME_BUSY"};
          case NOT_BOOTABLE -> new String[] {"400", "NOT_BOOTABLE"};
          case INCOMPATIBLE -> new String[] {"409", "CHECKPOINT_INCOMPATIBLE"};
          case FULL -> new String[] {"507", "STORAGE_FULL"};
          case DAMAGED -> new String[] {"500", "STORAGE_DAMAGED"};
        };
    int status = Integer.parseInt(expected[0]);
    server.storage(organization).failOnce(new StorageException(reason, "Thus and so."));
    assertError(
        http("POST", VOLUMES, "{\"slug\":\"a\",\"capacity\":\"1GB\"}"), status, expected[1]);
    server.storage(organization).failOnce(new StorageException(reason, "Thus and so."));
    assertRefused(server.create(token, "{\"root\":{\"volume\":\"a\"}}"), status, expected[1]);
  }

  @Test
  void whatThisHostCannotIsUnavailableAndWhatIsNotUnderstoodIsNotTold() throws Exception {
    server.storage(organization).failOnce(new SandboxUnavailableException("No image yet."));
    assertError(http("GET", VOLUMES, ""), 503, "SANDBOX_UNAVAILABLE");
    server.storage(organization).failOnce(new IllegalStateException("internals"));
    HttpResponse<String> failed = http("GET", SNAPSHOTS, "");
    assertError(failed, 500, "INTERNAL_ERROR");
    assertThat(failed.body()).doesNotContain("internals");
  }

  @Test
  void aSandboxHasARootAndVolumesInEitherClientsForm() throws Exception {
    volume("system", ",\"from\":\"builtin:debian-13\"");
    volume("data", "");
    String id = volume("more", "").get("id").stringValue();
    String config =
        "{\"root\":{\"volume\":\"system\"},\"volumes\":[{\"volume\":\"data\",\"path\":\"/data\"},"
            + "{\"volume\":\""
            + id
            + "\",\"path\":\"/srv/more/\"}]}";
    try (RawClient client = server.create(token, config)) {
      assertThat(client.status()).as(client.body()).isEqualTo(101);
      var options = server.of(client).options();
      assertThat(options.root()).contains("system");
      assertThat(options.volumes())
          .containsEntry("/data", "data")
          .containsEntry("/srv/more", id)
          .hasSize(2);
      assertThat(json("GET", VOLUMES + "/data", "").get("holder").stringValue())
          .isEqualTo(client.sandbox());
      assertError(http("DELETE", VOLUMES + "/data", ""), 409, "VOLUME_BUSY");
      RawClient second = server.create(token, "{\"volumes\":{\"/x\":\"data\"}}");
      assertThat(second.body()).contains(client.sandbox());
      assertRefused(second, 409, "VOLUME_BUSY");
    }
    volume("python", "");
    try (RawClient client =
        server.create(token, "{\"root\":null,\"volumes\":{\"/home/app/p\":\"python\"}}")) {
      assertThat(client.status()).as(client.body()).isEqualTo(101);
      assertThat(server.of(client).options().root()).isEmpty();
      assertThat(server.of(client).options().volumes()).containsEntry("/home/app/p", "python");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"{\"volumes\":{\"/x\":\"data\"}}", "{\"root\":{\"volume\":\"data\"}}"})
  @Timeout(20)
  void whatASandboxHasThatIsEndingIsWaitedFor(String config) throws Exception {
    volume("data", ",\"from\":\"builtin:debian-13\"");
    CountDownLatch writing = new CountDownLatch(1);
    try (RawClient first = server.create(token, config).reading()) {
      server.of(first).endsAfter(writing);
      first.sendClose();
      first.closeCode();
    }
    FutureTask<RawClient> second = new FutureTask<>(() -> server.create(token, config));
    Thread.ofVirtual().start(second);
    await().until(() -> server.storage(organization).timesBusy() == 1);
    writing.countDown();
    try (RawClient client = second.get()) {
      assertThat(client.status()).as(client.body()).isEqualTo(101);
      assertThat(json("GET", VOLUMES + "/data", "").get("holder").stringValue())
          .isEqualTo(client.sandbox());
    }
  }

  @Test
  @Timeout(20)
  void aVolumeIsDeletedWhenTheSandboxThatIsEndingHasEnded() throws Exception {
    volume("data", "");
    CountDownLatch writing = new CountDownLatch(1);
    try (RawClient first = server.create(token, "{\"volumes\":{\"/x\":\"data\"}}").reading()) {
      server.of(first).endsAfter(writing);
      first.sendClose();
      first.closeCode();
    }
    FutureTask<HttpResponse<String>> deletion =
        new FutureTask<>(() -> http("DELETE", VOLUMES + "/data", ""));
    Thread.ofVirtual().start(deletion);
    await().until(() -> server.storage(organization).timesBusy() == 1);
    writing.countDown();
    assertThat(deletion.get().statusCode()).as(deletion.get().body()).isEqualTo(200);
  }

  /** Less than what one that is ending is waited for. */
  @Test
  @Timeout(20)
  void whatASandboxHasThatLivesOnWithoutASocketIsRefusedAtOnce() throws Exception {
    volume("data", "");
    String held;
    try (RawClient first =
        server.create(token, "{\"timeout\":\"5m\",\"volumes\":{\"/x\":\"data\"}}").reading()) {
      held = first.sandbox();
      first.sendClose();
      first.closeCode();
    }
    RawClient second = server.create(token, "{\"volumes\":{\"/x\":\"data\"}}");
    assertThat(second.body()).contains(held);
    assertRefused(second, 409, "VOLUME_BUSY");
    assertError(http("DELETE", VOLUMES + "/data", ""), 409, "VOLUME_BUSY");
  }

  @Test
  void aSandboxThatCannotHaveAVolumeIsNotMade() throws Exception {
    volume("plain", "");
    int before = server.sandboxes().made().size();
    assertRefused(server.create(token, "{\"root\":{\"volume\":\"plain\"}}"), 400, "NOT_BOOTABLE");
    assertRefused(
        server.create(token, "{\"root\":{\"volume\":\"nothing\"}}"), 404, "STORAGE_NOT_FOUND");
    assertThat(server.sandboxes().made()).hasSize(before);
  }

  @Test
  void anEngineWithoutStorageSaysSoAndMakesNoSandboxWithoutIt(@TempDir Path other)
      throws Exception {
    try (TestServer bare = new TestServer(other, Duration.ofSeconds(30))) {
      bare.sandboxes().withoutStorage();
      assertError(bare.http("GET", VOLUMES, bare.token(), ""), 501, "NOT_SUPPORTED");
      assertError(bare.http("GET", SNAPSHOTS + "/x", bare.token(), ""), 501, "NOT_SUPPORTED");
      assertRefused(
          bare.create(bare.token(), "{\"root\":{\"volume\":\"x\"}}"), 501, "NOT_SUPPORTED");
      assertRefused(
          bare.create(bare.token(), "{\"volumes\":{\"/x\":\"x\"}}"), 501, "NOT_SUPPORTED");
      try (RawClient client = bare.create(bare.token(), "{\"volumes\":[]}")) {
        assertThat(client.status()).isEqualTo(101);
      }
    }
  }
}
