package dev.belljar.cli;

import static dev.belljar.cli.CommandLineUnderTest.belljar;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.belljar.cli.CommandLineUnderTest.Result;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Volumes, snapshots and checkpoints from the command line, of a server that says what a test tells
 * it to.
 */
class StorageCommandsTest {
  private static final String VOLUME =
      """
      {"id":"vol_loc_0123456789abcdefghjk","slug":"tools","region":"loc","capacity":2147483648,
       "estimated_allocated_size":1048576,"estimated_flattened_size":1073741824,"used_size":536870912,"is_bootable":true,
       "base_snapshot":{"id":"snp_loc_0123456789abcdefghjk","slug":"base"},
       "holder":"sbx_loc_0123456789abcdefghjk","deleted_at":null}
      """;

  private static final String SNAPSHOT =
      """
      {"id":"snp_loc_0123456789abcdefghjk","slug":"tools-1","region":"loc","capacity":2147483648,
       "allocated_size":2048,"flattened_size":1073741824,"is_bootable":false,
       "volume":{"id":"vol_loc_0123456789abcdefghjk","slug":"tools"}}
      """;

  private static final String CHECKPOINT =
      """
      {"id":"chk_loc_0123456789abcdefghjk","slug":"warm","region":"loc","memory":1073741824,
       "vcpus":2,"allocated_size":157286400,"sandbox":"sbx_loc_0123456789abcdefghjk",
       "created_at":"2026-01-02T03:04:05.678Z"}
      """;

  @TempDir Path directory;

  private final List<String> requests = new CopyOnWriteArrayList<>();
  private volatile int status = 200;
  private volatile String answer = "{}";
  private volatile String link = "";

  /** The collection of which the server has nothing. */
  private volatile String empty = "none";

  @SuppressWarnings("NullAway.Init") // before each test
  private HttpServer server;

  @SuppressWarnings("NullAway.Init") // before each test
  private Path tokenFile;

  @BeforeEach
  void start() throws IOException {
    tokenFile = Files.writeString(directory.resolve("token"), "ddo_token");
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", this::serve);
    server.start();
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  private void serve(HttpExchange exchange) throws IOException {
    String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
    requests.add(exchange.getRequestMethod() + " " + exchange.getRequestURI() + " " + body);
    if (!link.isEmpty()) {
      exchange.getResponseHeaders().add("Link", link);
      link = "";
    }
    byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
    boolean found = !exchange.getRequestURI().getPath().startsWith("/api/v2/" + empty + "/");
    exchange.sendResponseHeaders(found ? status : 404, bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  /** With the options of the server behind everything else. */
  private Result on(String... words) {
    List<String> all = new ArrayList<>(List.of(words));
    all.addAll(
        List.of(
            "--endpoint",
            "http://127.0.0.1:" + server.getAddress().getPort(),
            "--token-file",
            tokenFile.toString()));
    return belljar(all.toArray(String[]::new));
  }

  private static void assertPrinted(Result result, String out) {
    assertThat(result).isEqualTo(new Result(0, out, ""));
  }

  @Test
  void aVolumeIsMadeAndItsIdPrinted() {
    answer = VOLUME;
    assertPrinted(
        on("volumes", "create", "tools", "--capacity", "2GiB", "--from", "builtin:debian-13"),
        "vol_loc_0123456789abcdefghjk\n");
    assertPrinted(
        on("volumes", "create", "--capacity", "1GB", "--region", "ord", "data"),
        "vol_loc_0123456789abcdefghjk\n");
    assertThat(requests)
        .containsExactly(
            "POST /api/v2/volumes"
                + " {\"slug\":\"tools\",\"capacity\":2147483648,\"from\":\"builtin:debian-13\"}",
            "POST /api/v2/volumes {\"slug\":\"data\",\"capacity\":1000000000,\"region\":\"ord\"}");
  }

  @Test
  void volumesAreListedOnALineEach() {
    link = "</api/v2/volumes?cursor=two>; rel=\"next\"";
    answer = "[" + VOLUME + "]";
    String line =
        "vol_loc_0123456789abcdefghjk  tools                        512 MiB of 2 GiB       bootable"
            + "  sbx_loc_0123456789abcdefghjk\n";
    assertPrinted(on("volumes", "list", "--search", "tools"), line + line);
    assertThat(requests)
        .containsExactly(
            "GET /api/v2/volumes?limit=100&search=tools ",
            "GET /api/v2/volumes?limit=100&cursor=two&search=tools ");
  }

  @Test
  void aVolumeIsShown() {
    answer = VOLUME.replace("\"deleted_at\":null", "\"deleted_at\":\"2026-01-02T03:04:05.678Z\"");
    assertPrinted(
        on("volumes", "get", "tools"),
        """
        id         vol_loc_0123456789abcdefghjk
        slug       tools
        region     loc
        capacity   2 GiB
        used       512 MiB
        its own    1 MiB
        in all     1 GiB
        bootable   yes
        made from  base (snp_loc_0123456789abcdefghjk)
        in use by  sbx_loc_0123456789abcdefghjk
        deleted    2026-01-02T03:04:05Z
        """);
  }

  @Test
  void aVolumeIsAnObjectUnderJson() {
    answer = VOLUME;
    for (String[] words :
        new String[][] {
          {"volumes", "get", "--json", "tools"},
          {"volumes", "restore", "tools", "--json"},
          {"volumes", "create", "tools", "--capacity", "2GiB", "--json"}
        }) {
      assertThat(JsonMapper.shared().readTree(on(words).out()))
          .isEqualTo(
              JsonMapper.shared()
                  .readTree(
                      """
                      {"id":"vol_loc_0123456789abcdefghjk","slug":"tools","region":"loc",
                       "capacity":2147483648,"allocated_size":1048576,"flattened_size":1073741824,"used_size":536870912,
                       "bootable":true,
                       "base_snapshot":{"id":"snp_loc_0123456789abcdefghjk","slug":"base"},
                       "holder":"sbx_loc_0123456789abcdefghjk","deleted_at":null}
                      """));
    }
    answer = "[" + VOLUME + "]";
    JsonNode list = JsonMapper.shared().readTree(on("volumes", "list", "--json").out());
    assertThat(list.size()).isEqualTo(1);
  }

  @Test
  void volumesAreDeletedAndRestored() {
    assertPrinted(on("volumes", "delete", "one", "two"), "");
    answer = VOLUME;
    assertPrinted(on("volumes", "restore", "one"), "vol_loc_0123456789abcdefghjk\n");
    assertThat(requests)
        .containsExactly(
            "DELETE /api/v2/volumes/one ",
            "DELETE /api/v2/volumes/two ",
            "POST /api/v2/volumes/one/restore ");
  }

  @Test
  void aSnapshotIsMadeListedShownAndDeleted() {
    answer = SNAPSHOT;
    assertPrinted(on("snapshots", "create", "tools", "tools-1"), "snp_loc_0123456789abcdefghjk\n");
    assertPrinted(
        on("snapshots", "get", "tools-1"),
        """
        id         snp_loc_0123456789abcdefghjk
        slug       tools-1
        region     loc
        capacity   2 GiB
        its own    2 KiB
        in all     1 GiB
        bootable   no
        made of    tools (vol_loc_0123456789abcdefghjk)
        """);
    String json = on("snapshots", "get", "tools-1", "--json").out();
    assertThat(JsonMapper.shared().readTree(json))
        .isEqualTo(JsonMapper.shared().readTree(SNAPSHOT.replace("is_bootable", "bootable")));
    answer = "[" + SNAPSHOT + "]";
    assertPrinted(
        on("snapshots", "list"),
        "snp_loc_0123456789abcdefghjk  tools-1                        2 KiB of 1 GiB               "
            + "  tools\n");
    assertPrinted(on("snapshots", "delete", "tools-1"), "");
    assertThat(requests)
        .containsExactly(
            "POST /api/v2/volumes/tools/snapshot {\"slug\":\"tools-1\"}",
            "GET /api/v2/snapshots/tools-1 ",
            "GET /api/v2/snapshots/tools-1 ",
            "GET /api/v2/snapshots?limit=100 ",
            "DELETE /api/v2/snapshots/tools-1 ");
  }

  @Test
  void checkpointsAreListedShownAndDeleted() {
    answer = "[" + CHECKPOINT + "]";
    assertPrinted(
        on("checkpoints", "list", "--search", "warm"),
        "chk_loc_0123456789abcdefghjk  warm                         150 MiB     1 GiB   2 vCPUs"
            + "  2026-01-02T03:04:05Z\n");
    JsonNode list = JsonMapper.shared().readTree(on("checkpoints", "list", "--json").out());
    assertThat(list).isEqualTo(JsonMapper.shared().readTree("[" + CHECKPOINT + "]"));
    answer = CHECKPOINT;
    assertPrinted(
        on("checkpoints", "get", "warm"),
        """
        id         chk_loc_0123456789abcdefghjk
        slug       warm
        region     loc
        memory     1 GiB
        vcpus      2
        its own    150 MiB
        made of    sbx_loc_0123456789abcdefghjk
        made       2026-01-02T03:04:05Z
        """);
    assertThat(JsonMapper.shared().readTree(on("checkpoints", "get", "warm", "--json").out()))
        .isEqualTo(JsonMapper.shared().readTree(CHECKPOINT));
    assertPrinted(on("checkpoints", "delete", "warm", "cold"), "");
    assertThat(requests)
        .containsExactly(
            "GET /api/v2/checkpoints?limit=100&search=warm ",
            "GET /api/v2/checkpoints?limit=100 ",
            "GET /api/v2/checkpoints/warm ",
            "GET /api/v2/checkpoints/warm ",
            "DELETE /api/v2/checkpoints/warm ",
            "DELETE /api/v2/checkpoints/cold ");
  }

  @ParameterizedTest
  @ValueSource(strings = {"volumes", "snapshots", "checkpoints"})
  void whatIsNotThereEndsWithOneAndSaysWhereToLook(String what) {
    status = 404;
    Result result = on(what, "get", "nothing");
    assertThat(result.exitStatus()).isEqualTo(1);
    assertThat(result.err()).contains("'nothing'", "belljar " + what + " list");
    assertThat(on(what, "delete", "nothing").exitStatus()).isEqualTo(1);
  }

  @Test
  void aNameThatSomethingElseHasIsSaid() {
    empty = "volumes";
    answer = SNAPSHOT;
    Result volume = on("volumes", "get", "tools-1");
    assertThat(volume.exitStatus()).isEqualTo(1);
    assertThat(volume.err())
        .contains("There is no volume 'tools-1', but a snapshot of that name", "snapshots list");
    empty = "snapshots";
    answer = VOLUME;
    Result snapshot = on("snapshots", "get", "tools");
    assertThat(snapshot.exitStatus()).isEqualTo(1);
    assertThat(snapshot.err())
        .contains("There is no snapshot 'tools', but a volume of that name", "volumes list");
  }

  @Test
  void aVolumeIsNotMountedReadOnly() {
    Result refused = on("create", "--volume", "data:/data:ro");
    assertThat(refused.exitStatus()).isEqualTo(2);
    assertThat(refused.err()).contains("always mounted writable");
    assertThat(requests).isEmpty();
  }

  @Test
  void helpSaysOfWhichSandboxASnapshotCanBeMade() {
    assertThat(belljar("snapshots", "create", "--help").out().replaceAll("\\s+", " "))
        .contains("On a server also while a sandbox of it has the volume");
  }

  @Test
  void whatTheServerRefusesIsSaidAndNamed() {
    status = 409;
    answer = "{\"code\":\"VOLUME_BUSY\",\"message\":\"Sandbox sbx_x has it.\"}";
    Result result = on("volumes", "delete", "data");
    assertThat(result.exitStatus()).isEqualTo(1);
    assertThat(result.err()).contains("Sandbox sbx_x has it.").doesNotContain("\tat ");
    JsonNode json = JsonMapper.shared().readTree(on("volumes", "get", "data", "--json").out());
    assertThat(json.get("error").get("kind").stringValue()).isEqualTo("storage");
    status = 400;
    answer = "{\"code\":\"INVALID_REQUEST\",\"message\":\"out of bounds\"}";
    assertThat(on("volumes", "create", "data", "--capacity", "1MB").exitStatus()).isEqualTo(2);
  }

  @Test
  void runAndCreateSayWhatARootOrVolumeIsMissing() {
    status = 404;
    answer = "{\"code\":\"STORAGE_NOT_FOUND\",\"message\":\"There is no volume data.\"}";
    List<String> server =
        List.of(
            "--endpoint",
            "http://127.0.0.1:" + this.server.getAddress().getPort(),
            "--token-file",
            tokenFile.toString(),
            "--volume",
            "data:/data");
    List<String> run = new ArrayList<>(List.of("run"));
    run.addAll(server);
    run.addAll(List.of("-c", "true"));
    Result result = belljar(run.toArray(String[]::new));
    assertThat(result.exitStatus()).isEqualTo(125);
    assertThat(result.err()).contains("There is no volume data.");
    List<String> create = new ArrayList<>(List.of("create"));
    create.addAll(server);
    assertThat(belljar(create.toArray(String[]::new)).exitStatus()).isEqualTo(1);
  }

  @Test
  void helpTeachesByExample() {
    for (String[] words :
        new String[][] {
          {"volumes", "--help"},
          {"snapshots", "--help"},
          {"volumes", "create", "--help"},
          {"volumes", "list", "--help"},
          {"volumes", "get", "--help"},
          {"volumes", "delete", "--help"},
          {"volumes", "restore", "--help"},
          {"checkpoints", "--help"},
          {"checkpoints", "list", "--help"},
          {"checkpoints", "get", "--help"},
          {"checkpoints", "delete", "--help"},
          {"checkpoint", "--help"},
          {"pause", "--help"},
          {"resume", "--help"},
          {"snapshots", "create", "--help"},
          {"snapshots", "list", "--help"},
          {"snapshots", "get", "--help"},
          {"snapshots", "delete", "--help"}
        }) {
      Result help = belljar(words);
      assertThat(help.exitStatus()).isZero();
      assertThat(help.out()).contains("Example", "  belljar " + words[0]);
    }
    for (String command : List.of("run", "create")) {
      assertThat(belljar(command, "--help").out().replaceAll("\\s+", " "))
          .contains("--root", "--volume", "Memory, processors and disks are the checkpoint's");
    }
    assertThat(belljar("--help").out())
        .contains("volumes", "snapshots", "checkpoints", "pause", "resume");
  }
}
