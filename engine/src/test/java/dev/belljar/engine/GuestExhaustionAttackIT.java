package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.ChildProcess;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Secret;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A guest that is after this host's memory, threads and descriptors. */
@Timeout(600)
class GuestExhaustionAttackIT {
  private static final int FILES = Integer.getInteger("belljar.attack.files", 100_000);
  private static final long HEAP = 48L << 20;
  private static ScriptedServer silent;
  private static Sandbox neighbour;
  private static Sandbox sandbox;

  @BeforeAll
  static void create() throws IOException {
    silent = new ScriptedServer(null);
    neighbour = Sandbox.create();
    sandbox =
        Sandbox.create(
            SandboxOptions.builder()
                .allowNet("silent.example.com")
                .connectTo("silent.example.com:81:127.0.0.1:" + silent.port())
                .build());
  }

  @AfterAll
  static void close() throws IOException {
    sandbox.close();
    neighbour.close();
    silent.close();
  }

  @AfterEach
  void theNeighbourAnswers() throws Exception {
    assertThat(
            CompletableFuture.supplyAsync(() -> neighbour.sh("echo fine").text())
                .get(5, TimeUnit.SECONDS))
        .isEqualTo("fine\n");
  }

  @Test
  void aDirectoryOfManyFilesIsReadWithoutHoldingIt() {
    GuestRoot.python(
        sandbox,
        """
        os.makedirs("/dev/shm/many")
        d = os.open("/dev/shm/many", os.O_RDONLY)
        for i in range(int(sys.argv[1])): os.close(os.open("%0200d" % i, os.O_CREAT, dir_fd=d))
        """,
        FILES);
    long before = usedHeap();
    try (var entries = sandbox.fs().readDir("/dev/shm/many")) {
      long[] most = {0};
      long[] count = {0};
      entries.forEach(
          entry -> {
            if (++count[0] % 50_000 == 0) {
              most[0] = Math.max(most[0], usedHeap() - before);
            }
          });
      assertThat(count[0]).isEqualTo(FILES);
      assertThat(most[0]).as("heap kept").isLessThan(4L << 20);
    }
    sandbox.sh("sudo rm -r /dev/shm/many").text();
  }

  @Test
  void namesAsLongAsTheyMayBeAndDeeperThanPathsGoDoNoHarm() {
    GuestRoot.python(
        sandbox,
        """
        os.chdir("/dev/shm")
        for i in range(100):
            os.mkdir("n" * 255)
            os.chown("n" * 255, 1000, 1000)
            os.chdir("n" * 255)
        """);
    String path = "/dev/shm" + String.join("", Collections.nCopies(15, "/" + "n".repeat(255)));
    assertThat(sandbox.fs().stat(path).isDirectory()).isTrue();
    sandbox.fs().remove("/dev/shm/" + "n".repeat(255), true);
  }

  @Test
  void fiveHundredConnectionsToWhomNobodyAnswersAreBounded() throws Exception {
    long heap = usedHeap();
    long threads = Thread.getAllStackTraces().size();
    long descriptors = descriptors();
    try (ChildProcess holder =
        GuestRoot.start(
            sandbox,
            """
            held = []
            for i in range(600):
                s = socket.socket()
                s.setblocking(False)
                s.connect_ex((socket.gethostbyname("silent.example.com"), 81))
                held.append(s)
            time.sleep(3)
            for s in held:
                try: s.send(b"no request and no end of a line" * 9000)
                except OSError: pass
            print("held", flush=True)
            time.sleep(100)
            """)) {
      holder.stdout().readNBytes(4);
      assertThat(usedHeap() - heap).as("heap").isLessThan(256L * (512 << 10));
      assertThat(Thread.getAllStackTraces().size() - threads).as("threads").isLessThan(40);
      assertThat(descriptors() - descriptors).as("both ends are here").isLessThan(2 * 256 + 50);
    }
    await().atMost(Duration.ofSeconds(20)).until(() -> descriptors() < descriptors + 60);
  }

  @Test
  void bodiesThatAreBegunAndNeverEndedAreHeldAFewAtATime(@TempDir Path directory) throws Exception {
    TestAuthority authority = new TestAuthority(directory, "api.example.com");
    try (var server = new ScriptedServer(authority.serverContext());
        Sandbox own =
            Sandbox.create(
                SandboxOptions.builder()
                    .allowNet("api.example.com")
                    .connectTo("api.example.com:443:127.0.0.1:" + server.port())
                    .secret("KEY", Secret.of("12345678", "api.example.com").alsoInBody())
                    .caCertificate(authority.pem())
                    .build())) {
      own.sh("curl -sS https://api.example.com/").noThrow().output();
      long before = usedHeap();
      ChildProcess holder =
          GuestRoot.start(
              own,
              """
              import ssl
              context, held = ssl._create_unverified_context(), []
              head = b"POST / HTTP/1.1\\r\\nHost: api.example.com\\r\\nContent-Length: 1048576\\r\\n\\r\\n"
              for i in range(60):
                  s = context.wrap_socket(socket.create_connection(("api.example.com", 443)), server_hostname="api.example.com")
                  s.settimeout(0.1)
                  try: s.sendall(head + b"x" * 1048000)
                  except OSError: pass
                  held.append(s)
              print("held", flush=True)
              time.sleep(100)
              """);
      assertThat(new String(holder.stdout().readNBytes(4), java.nio.charset.StandardCharsets.UTF_8))
          .isEqualTo("held");
      // 16 bodies, and of each connection a window and the buffers of two TLS connections.
      assertThat(usedHeap() - before).as("heap").isLessThan((16L << 20) + 60 * (640L << 10));
    }
  }

  @Test
  void streamsThatAForgedAgentOpensAndGivesUpAtOnceLeaveNothing() throws Exception {
    try (Sandbox own = Sandbox.create()) {
      long before = usedHeap();
      ChildProcess forger =
          GuestRoot.start(
              own,
              """
              channel = of_agent("vport")
              names = [by_name("x%d.example" % i, 80) for i in range(400)]
              for round in range(50):
                  os.write(channel, b"".join(frame(5, 0x90000000 + i, names[i]) + frame(10, 0x90000000 + i, b"\\0" * 4) for i in range(400)))
              print("done", flush=True)
              """);
      forger.stdout().readNBytes(4);
      assertThat(usedHeap() - before).as("heap kept").isLessThan(HEAP);
      assertThat(own.egress().size()).isLessThanOrEqualTo(1000);
    }
  }

  private static long descriptors() throws IOException {
    try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
      return open.count();
    }
  }

  private static long usedHeap() {
    System.gc();
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }
}
