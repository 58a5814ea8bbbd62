package dev.belljar.remote;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.belljar.BelljarException;
import dev.belljar.ByteSize;
import dev.belljar.InvalidOptionException;
import dev.belljar.Page;
import dev.belljar.PageRequest;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxUnavailableException;
import dev.belljar.Storage;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.Volume;
import dev.belljar.VolumeOptions;
import dev.belljar.remote.ScriptedServer.Answer;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** Storage of a server that knows the protocol and nothing of Belljar. */
@Timeout(60)
class RemoteStorageTest {
  private static final String VOLUME =
      """
      {"id":"vol_ord_0123456789abcdefghjk","slug":"data","region":"ord","capacity":1000000000,
       "estimated_allocated_size":5,"estimated_flattened_size":7,"is_bootable":true,
       "base_snapshot":{"id":"snp_ord_0123456789abcdefghjk","slug":"base"}}
      """;

  private static final String SNAPSHOT =
      """
      {"id":"snp_ord_0123456789abcdefghjk","slug":"base","region":"ord","allocated_size":5,
       "flattened_size":7,"is_bootable":true,
       "volume":{"id":"vol_ord_0123456789abcdefghjk","slug":"data"}}
      """;

  private final ScriptedServer server;
  private final Storage storage;

  RemoteStorageTest() throws IOException {
    server = new ScriptedServer();
    storage = Storage.at(server.endpoint());
  }

  @AfterEach
  void closeServer() throws IOException {
    server.close();
  }

  private void answer(int status, String body) {
    server.http(request -> Answer.of(status, body));
  }

  private static void saysNoToken(Throwable failure) {
    assertThat(failure.getMessage()).doesNotContain(ScriptedServer.TOKEN);
  }

  @Test
  void aVolumeIsAskedForAsTheOfficialClientDoes() throws Exception {
    answer(200, VOLUME);
    Volume made =
        storage
            .volumes()
            .create(VolumeOptions.of("data", ByteSize.parse("1GB")).region("ord").from("base"));
    assertThat(made.baseSnapshot())
        .contains(new Volume.Origin("snp_ord_0123456789abcdefghjk", "base"));
    assertThat(made.holder()).isEmpty();
    assertThat(made.deletedAt()).isEmpty();
    ScriptedServer.Request request = server.requests.take();
    assertThat(request.method() + " " + request.path()).isEqualTo("POST /api/v2/volumes");
    assertThat(request.headers())
        .containsEntry("authorization", "Bearer " + ScriptedServer.TOKEN)
        .containsEntry("content-type", "application/json");
    assertThat(Json.read(request.body()))
        .isEqualTo(
            Json.read(
                "{\"slug\":\"data\",\"capacity\":1000000000,\"region\":\"ord\",\"from\":\"base\"}"));
  }

  @Test
  void aSnapshotIsAskedForAsTheOfficialClientDoes() throws Exception {
    answer(200, SNAPSHOT);
    assertThat(storage.volumes().snapshot("data", "base").volume().slug()).isEqualTo("data");
    ScriptedServer.Request request = server.requests.take();
    assertThat(request.method() + " " + request.path())
        .isEqualTo("POST /api/v2/volumes/data/snapshot");
    assertThat(request.body()).isEqualTo("{\"slug\":\"base\"}");
  }

  @Test
  void pagesAreFollowedByTheCursorOfTheLink() throws Exception {
    server.http(
        request ->
            request.path().contains("cursor")
                ? Answer.of(200, "[]")
                : new Answer(
                    200,
                    Map.of("Link", "<http://h/api/v2/volumes?cursor=a%2Bb%3D&x=1>; rel=\"next\""),
                    "[" + VOLUME + "]"));
    Page<Volume> first =
        storage.volumes().list(new PageRequest(Optional.empty(), 1, Optional.of("d ä")));
    assertThat(first.items()).extracting(Volume::slug).containsExactly("data");
    assertThat(first.next()).contains("a+b=");
    Page<Volume> second =
        storage.volumes().list(new PageRequest(first.next(), 1, Optional.empty()));
    assertThat(second).isEqualTo(new Page<>(java.util.List.of(), Optional.empty()));
    assertThat(server.requests.take().path()).isEqualTo("/api/v2/volumes?limit=1&search=d+%C3%A4");
    assertThat(server.requests.take().path()).isEqualTo("/api/v2/volumes?limit=1&cursor=a%2Bb%3D");
  }

  @Test
  void aNextPageThatCannotBeAskedForIsAnError() {
    server.http(request -> new Answer(200, Map.of("Link", "</x?cursor=%zz>; rel=\"next\""), "[]"));
    assertThatThrownBy(() -> storage.snapshots().list(PageRequest.FIRST))
        .isInstanceOf(SandboxUnavailableException.class);
  }

  @Test
  void codesThatAreNotKnownAreToldByTheirStatus() {
    answer(409, "{\"code\":\"whatever\",\"message\":\"no, " + ScriptedServer.TOKEN + "\"}");
    VolumeOptions options = VolumeOptions.of("data", ByteSize.parse("1GB"));
    assertThatThrownBy(() -> storage.volumes().create(options))
        .satisfies(RemoteStorageTest::saysNoToken)
        .isInstanceOfSatisfying(
            StorageException.class, e -> assertThat(e.reason()).isEqualTo(Reason.SLUG_TAKEN));
    assertThatThrownBy(() -> storage.volumes().delete("data"))
        .isInstanceOfSatisfying(
            StorageException.class, e -> assertThat(e.reason()).isEqualTo(Reason.BUSY));
    answer(404, "<html>");
    assertThat(storage.volumes().get("data")).isEmpty();
    assertThat(storage.snapshots().get("data")).isEmpty();
    assertThatThrownBy(() -> storage.snapshots().delete("data"))
        .isInstanceOfSatisfying(
            StorageException.class, e -> assertThat(e.reason()).isEqualTo(Reason.NOT_FOUND));
    answer(507, "");
    assertThatThrownBy(() -> storage.volumes().create(options))
        .isInstanceOfSatisfying(
            StorageException.class, e -> assertThat(e.reason()).isEqualTo(Reason.FULL));
    answer(422, "{\"code\":\"BAD\",\"message\":\"bad\"}");
    assertThatThrownBy(() -> storage.volumes().create(options))
        .isInstanceOf(InvalidOptionException.class);
    answer(502, "");
    assertThatThrownBy(() -> storage.volumes().get("data"))
        .isInstanceOf(SandboxUnavailableException.class);
  }

  @ParameterizedTest
  @CsvSource({"404", "405"})
  void anothersServerIsSaidToRestoreNothing(int status) {
    answer(status, "{\"code\":\"NOT_FOUND\",\"message\":\"no route\"}");
    assertThatThrownBy(() -> storage.volumes().restore("data"))
        .isInstanceOf(InvalidOptionException.class)
        .hasMessageContaining("not Belljar's");
    server.http(
        request ->
            new Answer(
                status,
                Map.of("x-belljar-version", "1"),
                "{\"code\":\"STORAGE_NOT_FOUND\",\"message\":\"none\"}"));
    assertThatThrownBy(() -> storage.volumes().restore("data"))
        .isInstanceOf(StorageException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[]",
        "7",
        "{}",
        "{\"id\":5}",
        "{\"id\":\"v\",\"slug\":\"s\",\"capacity\":\"lots\"}",
        "{\"id\":\"v\",\"slug\":\"s\",\"capacity\":1,\"estimated_allocated_size\":1.5}"
      })
  void answersOfAnotherFormAreErrors(String body) {
    answer(200, body);
    assertThatThrownBy(() -> storage.volumes().get("data")).isInstanceOf(BelljarException.class);
    answer(200, body + body);
    assertThatThrownBy(() -> storage.snapshots().list(PageRequest.FIRST))
        .isInstanceOf(BelljarException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ".", "..", "a/b", "a%2fb", "a\u0000"})
  void whatIsNoNameIsNotSent(String name) {
    assertThat(storage.volumes().get(name)).isEmpty();
    assertThatThrownBy(() -> storage.volumes().delete(name)).isInstanceOf(StorageException.class);
    assertThat(server.requests).isEmpty();
  }

  @Test
  void creationNamesTheRootAndTheVolumes() throws Exception {
    SandboxOptions options =
        SandboxOptions.builder()
            .endpoint(server.endpoint())
            .root("system")
            .volume("/srv/b", "two")
            .volume("/data", "one")
            .build();
    try (Sandbox sandbox = Sandbox.create(options)) {
      JsonNode config = server.peer().config();
      assertThat(sandbox.id()).isEqualTo(ScriptedServer.ID);
      assertThat(config.path("root")).isEqualTo(Json.read("{\"volume\":\"system\"}"));
      assertThat(config.path("volumes"))
          .isEqualTo(
              Json.read(
                  "[{\"volume\":\"one\",\"path\":\"/data\"},{\"volume\":\"two\",\"path\":\"/srv/b\"}]"));
      assertThat(config.has("belljar")).isFalse();
    }
  }
}
