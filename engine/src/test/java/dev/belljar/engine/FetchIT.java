package dev.belljar.engine;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import dev.belljar.BelljarException;
import dev.belljar.ChildProcess;
import dev.belljar.FetchException;
import dev.belljar.FetchRequest;
import dev.belljar.FetchResponse;
import dev.belljar.InvalidOptionException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxClosedException;
import dev.belljar.SandboxOptions;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class FetchIT {
  /** Says what it was asked; each path has a way of its own. Prints its port first. */
  private static final String SERVER =
      """
      import gzip, time
      from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

      class Handler(BaseHTTPRequestHandler):
          protocol_version = "HTTP/1.1"

          def body(self):
              if self.headers.get("Transfer-Encoding") == "chunked":
                  parts = b""
                  while size := int(self.rfile.readline(), 16):
                      parts += self.rfile.read(size)
                      self.rfile.readline()
                  self.rfile.readline()
                  return parts
              return self.rfile.read(int(self.headers.get("Content-Length", 0)))

          def reply(self, status, body=b"", **headers):
              self.send_response(status)
              for name, value in headers.items():
                  self.send_header(name.replace("_", "-"), value)
              if status not in (204, 304):
                  self.send_header("Content-Length", str(len(body)))
              self.end_headers()
              if self.command != "HEAD":
                  self.wfile.write(body)

          def answer(self):
              body = self.body()
              path = self.path.split("?")[0]
              if path == "/gzip":
                  self.reply(200, gzip.compress(b"unpacked"), Content_Encoding="gzip")
              elif path == "/early":
                  self.wfile.write(b"HTTP/1.1 103 Early Hints\\r\\nLink: x\\r\\n\\r\\n")
                  self.reply(200, b"final")
              elif path.startswith("/status/"):
                  self.reply(int(path[8:]))
              elif path == "/location":
                  self.reply(302, Location="../there|?q={}%zz")
              elif path == "/loop":
                  self.reply(302, Location="/loop")
              elif path.startswith("/to/"):
                  self.reply(int(path[4:7]), Location=path[7:] or "/")
              elif path == "/away":
                  self.reply(307, Location=f"http://localhost:{self.server.server_port}/")
              elif path == "/file":
                  self.reply(302, Location="file:///etc/passwd")
              elif path == "/big":
                  self.reply(200, bytes(range(256)) * 40960)
              elif path == "/short":
                  self.wfile.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 100\\r\\n\\r\\nshort")
                  self.close_connection = True
              elif path == "/head":
                  self.wfile.write(b"HTTP/1.1 200 OK\\r\\n")
                  for _ in range(300):
                      self.wfile.write(b"X: " + b"y" * 1000 + b"\\r\\n")
                  self.close_connection = True
              elif path == "/trailer":
                  self.wfile.write(b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\nTrailer: X\\r\\n\\r\\n"
                                   b"4\\r\\nbody\\r\\n0\\r\\nX: HTTP/1.1 500\\r\\n\\r\\n")
              elif path == "/endless":
                  self.wfile.write(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
                  while True:
                      self.wfile.write(b"x")
                      time.sleep(0.05)
              elif path == "/silent":
                  time.sleep(60)
              else:
                  asked = f"{self.command} {self.path}\\n{self.headers}".encode("latin-1")
                  self.reply(200, asked + body, Set_Cookie="a", X_Word="\u00fc")

          def __getattr__(self, name):
              if name.startswith("do_"):
                  return self.answer
              raise AttributeError(name)

          def log_message(self, *a):
              pass

      server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
      print(server.server_port, flush=True)
      server.serve_forever()
      """;

  private static Sandbox sandbox;
  private static String base;

  @BeforeAll
  static void create() throws IOException {
    sandbox = Sandbox.create(SandboxOptions.builder().allowNet("allowed.example").build());
    ChildProcess server = sandbox.spawn("python3", "-c", SERVER);
    base =
        "http://127.0.0.1:"
            + new BufferedReader(new InputStreamReader(server.stdout(), UTF_8)).readLine();
  }

  @AfterAll
  static void close() {
    sandbox.close();
  }

  @Test
  void anAnswerHasItsStatusHeadersAndBody() {
    try (FetchResponse response = get("/path?query=1")) {
      assertThat(response.status()).isEqualTo(200);
      assertThat(response.statusText()).isEqualTo("OK");
      assertThat(response.header("Set-Cookie")).contains("a");
      assertThat(response.header("x-word")).contains("ü");
      assertThat(response.headers()).extracting(Map.Entry::getKey).contains("set-cookie");
      assertThat(response.text()).startsWith("GET /path?query=1\n").contains("Accept: */*");
    }
  }

  @Test
  void methodHeadersAndBodyArriveAsTheyWereGiven() {
    FetchRequest request =
        FetchRequest.to(base + "/a/../%7Bb%7D")
            .method("PATCH")
            .header("X-Quote", "a\"b\\c\\n")
            .header("X-Empty", "")
            .header("X-Word", "ü")
            .header("User-Agent", "mine")
            .body("{\"k\": \"ü\"}")
            .build();
    String asked = sandbox.fetch(request).text();
    assertThat(asked)
        .contains("X-Quote: a\"b\\c\\n\n", "X-Empty: \n", "User-Agent: mine\n")
        .contains("Content-Length: 11\n")
        .endsWith("{\"k\": \"ü\"}")
        .doesNotContain("Transfer-Encoding", "Expect", "Content-Type");
  }

  @Test
  void urlsOfTheWebThatRfc3986ForbidsAreFetched() {
    assertThat(get("/a|[b]/{1,2}/[1-3]/../ü?q=ä|^`\"{}'%zz[1-2]").text())
        .startsWith(
            "GET /a%7C%5Bb%5D/%7B1,2%7D/%C3%BC?q=%C3%A4%7C%5E%60%22%7B%7D%27%25zz[1-2]" + "\n");
    assertThat(get("/to/302/there/a%7Cb").text()).startsWith("GET /there/a%7Cb\n");
    assertThat(get("/location").text()).startsWith("GET /there%7C?q=%7B%7D%25zz\n");
  }

  @Test
  void nothingOfARequestIsTakenForAnOptionOfCurl() {
    FetchRequest request =
        FetchRequest.to(base + "/%22%0Aoutput=%22x")
            .header("X", "\" \t--output /tmp/stolen")
            .header("Y", "@/etc/passwd")
            .method("--OUTPUT")
            .build();
    assertThat(sandbox.fetch(request).text())
        .startsWith("--OUTPUT /%22%0Aoutput=%22x\n")
        .contains("Y: @/etc/passwd\n");
    assertThat(sandbox.fs().exists("/tmp/stolen")).isFalse();
  }

  @Test
  void secretsAreNotOnACommandLine() throws IOException {
    FetchRequest request =
        FetchRequest.to(base + "/endless?key=S3CRET").header("Authorization", "S3CRET").build();
    try (FetchResponse response = sandbox.fetch(request)) {
      assertThat(response.body().read()).isEqualTo('x');
      String commands = sandbox.spawn("ps", "-ww", "-eo", "args").output().stdoutText();
      assertThat(commands).contains("curl").doesNotContain("S3CRET");
    }
  }

  @Test
  void settingsOfTheUserAndProxiesAreLeftAside() {
    sandbox.fs().writeTextFile(".curlrc", "user-agent = \"rc\"");
    sandbox.env().set("http_proxy", "http://127.0.0.1:9");
    try {
      assertThat(get("/").text()).contains("User-Agent: Belljar");
    } finally {
      sandbox.env().delete("http_proxy");
      sandbox.fs().remove(".curlrc");
    }
  }

  @Test
  void aBodyIsStreamed() throws Exception {
    byte[] bytes = new byte[3 << 20];
    Arrays.fill(bytes, (byte) 0);
    bytes[bytes.length - 1] = 'z';
    PipedOutputStream out = new PipedOutputStream();
    PipedInputStream in = new PipedInputStream(out);
    Thread.ofVirtual()
        .start(
            () -> {
              try (out) {
                out.write(bytes);
              } catch (IOException e) {
                // The test fails.
              }
            });
    FetchRequest request = FetchRequest.to(base + "/").method("POST").body(in).build();
    try (FetchResponse response = sandbox.fetch(request)) {
      byte[] answer = response.body().readAllBytes();
      String head = new String(answer, 0, answer.length - bytes.length, ISO_8859_1);
      assertThat(head).contains("Transfer-Encoding: chunked");
      assertThat(Arrays.equals(answer, head.length(), answer.length, bytes, 0, bytes.length))
          .isTrue();
    }
  }

  @Test
  void anAnswerOfMegabytesComesWhole() throws IOException {
    try (FetchResponse response = get("/big")) {
      byte[] body = response.body().readAllBytes();
      assertThat(body).hasSize(256 * 40960);
      assertThat(body[12345]).isEqualTo((byte) 12345);
    }
  }

  @Test
  void anEncodedBodyIsDecodedAndItsHeadersSaySo() {
    try (FetchResponse response = get("/gzip")) {
      assertThat(response.header("content-encoding")).isEmpty();
      assertThat(response.header("content-length")).isEmpty();
      assertThat(response.text()).isEqualTo("unpacked");
    }
  }

  @Test
  void answersForInformationAreSkippedAndTrailersAreNotBody() {
    assertThat(get("/early").text()).isEqualTo("final");
    try (FetchResponse response = get("/trailer")) {
      assertThat(response.status()).isEqualTo(200);
      assertThat(response.text()).isEqualTo("body");
    }
  }

  @Test
  void someAnswersHaveNoBody() {
    for (String path : new String[] {"/status/204", "/status/304"}) {
      assertThat(get(path).text()).isEmpty();
    }
    try (FetchResponse head = sandbox.fetch(request("/big").method("HEAD").build())) {
      assertThat(head.header("content-length")).contains("10485760");
      assertThat(head.text()).isEmpty();
    }
    assertThat(get("/status/404").status()).isEqualTo(404);
    assertThat(get("/status/500").status()).isEqualTo(500);
  }

  @Test
  void redirectionsAreFollowedAsTheFetchStandardSays() {
    assertThat(get("/to/302/there").text()).startsWith("GET /there\n");
    assertThat(post("/to/301/there", "b").text())
        .startsWith("GET /there\n")
        .doesNotContain("Content-Length: 1");
    assertThat(post("/to/307/there", "b").text()).startsWith("POST /there\n").endsWith("b");
    assertThat(post("/to/308/there", "b").text()).startsWith("POST /there\n").endsWith("b");
    assertThat(post("/to/303/there", "b").text()).startsWith("GET /there\n");
    FetchRequest manual = request("/to/302/there").manualRedirects().build();
    assertThat(sandbox.fetch(manual))
        .satisfies(r -> assertThat(r.status()).isEqualTo(302))
        .satisfies(r -> assertThat(r.header("location")).contains("/there"));
    assertThatExceptionOfType(FetchException.class)
        .isThrownBy(() -> get("/loop"))
        .withMessageContaining("20 redirections");
    assertThatExceptionOfType(FetchException.class)
        .isThrownBy(() -> get("/file"))
        .withMessageContaining("file:///etc/passwd");
    FetchRequest stream =
        request("/to/307/there").method("POST").body(new Unknown("b".getBytes(UTF_8))).build();
    assertThatExceptionOfType(FetchException.class)
        .isThrownBy(() -> sandbox.fetch(stream))
        .withMessageContaining("cannot be sent again");
  }

  @Test
  void anotherOriginDoesNotSeeCredentials() {
    FetchRequest away = request("/away").header("Authorization", "secret").build();
    assertThat(sandbox.fetch(away).text()).contains("Host: localhost").doesNotContain("secret");
    FetchRequest here = request("/to/302/").header("Authorization", "secret").build();
    assertThat(sandbox.fetch(here).text()).contains("Authorization: secret");
  }

  @Test
  void aFailureSaysWhatFailed() {
    assertThatExceptionOfType(FetchException.class)
        .isThrownBy(() -> sandbox.fetch(FetchRequest.to("http://127.0.0.1:9/x").build()))
        .withMessageContaining("error sending request for url (http://127.0.0.1:9/x)")
        .withMessageContaining("connect");
    assertThatExceptionOfType(FetchException.class)
        .isThrownBy(() -> sandbox.fetch(FetchRequest.to("http://forbidden.example/").build()))
        .withMessageContaining("policy");
    assertThatExceptionOfType(FetchException.class)
        .isThrownBy(() -> sandbox.fetch(FetchRequest.to("http://192.0.2.1/").build()))
        .withMessageContaining("policy");
    assertThatExceptionOfType(FetchException.class)
        .isThrownBy(() -> get("/head"))
        .withMessageContaining("larger than");
    assertThatExceptionOfType(FetchException.class)
        .isThrownBy(() -> get("/short").text())
        .withMessageContaining("broke off");
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> sandbox.fetch(request("/").method("CONNECT").build()));
    InputStream broken =
        new InputStream() {
          @Override
          public int read() throws IOException {
            throw new IOException("no more");
          }

          @Override
          public int read(byte[] target, int offset, int length) throws IOException {
            throw new IOException("no more");
          }
        };
    assertThatExceptionOfType(FetchException.class)
        .isThrownBy(() -> sandbox.fetch(request("/").method("POST").body(broken).build()))
        .withMessageContaining("no more");
  }

  @Test
  void closingAnAnswerEndsItsProcess() throws IOException {
    FetchResponse response = get("/endless");
    assertThat(response.body().read()).isEqualTo('x');
    assertThat(curls()).isPositive();
    response.close();
    await().atMost(Duration.ofSeconds(10)).until(() -> curls() == 0);
    assertThatExceptionOfType(IOException.class).isThrownBy(() -> response.body().readAllBytes());
  }

  @Test
  void anAnswerThatWasGivenUpIsNotTakenForAWholeOne() throws InterruptedException {
    FetchResponse response = get("/path");
    // All of it is here, and curl has ended well.
    await().atMost(Duration.ofSeconds(10)).until(() -> curls() == 0);
    response.close();
    assertThatExceptionOfType(IOException.class).isThrownBy(() -> response.body().readAllBytes());
  }

  @Test
  void anInterruptedRequestEndsItsProcess() throws InterruptedException {
    FutureTask<Object> task =
        new FutureTask<>(
            () -> {
              try {
                return get("/silent");
              } catch (BelljarException e) {
                return e.getMessage();
              }
            });
    Thread thread = Thread.ofVirtual().start(task);
    await().atMost(Duration.ofSeconds(20)).until(() -> curls() > 0);
    thread.interrupt();
    assertThat(thread.join(Duration.ofSeconds(10))).isTrue();
    assertThat(task.resultNow()).asString().contains("Interrupted");
    await().atMost(Duration.ofSeconds(10)).until(() -> curls() == 0);
  }

  @Test
  void aSandboxThatEndsEndsItsRequests() throws Exception {
    Sandbox other = Sandbox.create();
    ChildProcess silent =
        other.spawn(
            "python3",
            "-c",
            """
            import socket, time
            with socket.create_server(("127.0.0.1", 0)) as server:
                print(server.getsockname()[1], flush=True)
                peer = server.accept()[0]
                print("asked", flush=True)
                time.sleep(600)
            """);
    BufferedReader said = new BufferedReader(new InputStreamReader(silent.stdout(), UTF_8));
    FetchRequest request = FetchRequest.to("http://127.0.0.1:" + said.readLine() + "/").build();
    FutureTask<Class<?>> task =
        new FutureTask<>(
            () -> {
              try {
                return other.fetch(request).getClass();
              } catch (BelljarException e) {
                return e.getClass();
              }
            });
    Thread.ofVirtual().start(task);
    assertThat(said.readLine()).isEqualTo("asked");
    other.close();
    assertThat(task.get(10, TimeUnit.SECONDS)).isEqualTo(SandboxClosedException.class);
    assertThatExceptionOfType(SandboxClosedException.class).isThrownBy(() -> other.fetch(request));
  }

  /** Of which nobody knows the length. */
  private static final class Unknown extends java.io.FilterInputStream {
    Unknown(byte[] bytes) {
      super(new java.io.ByteArrayInputStream(bytes));
    }
  }

  private static long curls() {
    return sandbox.spawn("pgrep", "-x", "curl").output().stdoutText().lines().count();
  }

  private static FetchRequest.Builder request(String path) {
    return FetchRequest.to(base + path);
  }

  private static FetchResponse get(String path) {
    return sandbox.fetch(request(path).build());
  }

  private static FetchResponse post(String path, String body) {
    return sandbox.fetch(request(path).method("POST").body(body).build());
  }
}
