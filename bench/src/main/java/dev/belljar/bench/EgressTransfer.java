package dev.belljar.bench;

import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Secret;
import dev.belljar.engine.egress.tls.SandboxAuthority;
import dev.belljar.engine.vmm.HostTools;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * 64 MiB from a server on this host's loopback: through egress as it is, with an allow list that
 * every request is held to, and with a secret, for which TLS is ended and begun again here. And how
 * long a connection takes to its first byte.
 */
final class EgressTransfer implements Subject {
  private static final int SIZE = 64 << 20;
  private static final int CONNECTIONS = 50;
  private static final double SLOWEST = 60;
  private static final double SLOWEST_WITH_SECRET = 30;
  private static final double LONGEST_CONNECT = 10;

  /** Prints how many milliseconds each connection took to the first byte of its answer. */
  private static final String CONNECT =
      """
      import socket, sys, threading, time
      if sys.argv[1] == "here":
          listener = socket.create_server(("127.0.0.1", 0), backlog=100)
          def serve():
              while True:
                  c, _ = listener.accept()
                  c.recv(1000)
                  c.sendall(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
                  c.close()
          threading.Thread(target=serve, daemon=True).start()
          to = listener.getsockname()
      else:
          to = (sys.argv[1], 80)
      for i in range(int(sys.argv[2])):
          began = time.perf_counter()
          with socket.create_connection(to) as c:
              c.sendall(b"GET /empty HTTP/1.1\\r\\nHost: listed.test\\r\\nConnection: close\\r\\n\\r\\n")
              c.recv(1)
          print((time.perf_counter() - began) * 1000)
      """;

  @Override
  public String name() {
    return "egress";
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    SandboxAuthority authority = new SandboxAuthority("bench", new SecureRandom());
    HttpServer plain = HttpServer.create(anyPort(), 0);
    HttpsServer secure = HttpsServer.create(anyPort(), 0);
    secure.setHttpsConfigurator(new HttpsConfigurator(authority.contextFor("secret.test")));
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      start(plain, threads);
      start(secure, threads);
      return measure(bench, plain, secure, authority);
    } finally {
      plain.stop(0);
      secure.stop(0);
    }
  }

  private static InetSocketAddress anyPort() {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
  }

  private static void start(HttpServer server, ExecutorService threads) {
    byte[] block = new byte[64 << 10];
    server.createContext(
        "/",
        exchange -> {
          exchange.sendResponseHeaders(200, SIZE);
          try (OutputStream out = exchange.getResponseBody()) {
            for (int sent = 0; sent < SIZE; sent += block.length) {
              out.write(block);
            }
          }
        });
    server.createContext("/empty", exchange -> exchange.sendResponseHeaders(204, -1));
    server.setExecutor(threads);
    server.start();
  }

  private static List<Measurement> measure(
      Workbench bench, HttpServer plain, HttpServer secure, SandboxAuthority authority)
      throws Exception {
    int port = plain.getAddress().getPort();
    try (Sandbox open = Sandbox.create(to("open.test", 80, port).build());
        Sandbox listed =
            Sandbox.create(to("listed.test", 80, port).allowNet("listed.test").build());
        Sandbox secret =
            Sandbox.create(
                to("secret.test", 443, secure.getAddress().getPort())
                    .allowNet("secret.test")
                    .caCertificate(authority.pem())
                    .secret("KEY", Secret.of("value-of-the-secret", "secret.test"))
                    .build())) {
      List<Task> tasks = new ArrayList<>();
      tasks.add(transfer(open, "guest", "http://open.test/64M"));
      tasks.add(transfer(listed, "listed", "http://listed.test/64M"));
      tasks.add(transfer(secret, "secret", "https://secret.test/64M"));
      tasks.add(into -> connect(listed, into));
      if (HostTools.locate("curl").isPresent()) {
        HostCommand host =
            HostCommand.of("curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:" + port + "/64M");
        tasks.add(
            into -> {
              long began = System.nanoTime();
              host.run();
              into.addRateSince("native", began, SIZE);
            });
      }
      return measurements(bench.rounds().play(tasks));
    }
  }

  private static SandboxOptions.Builder to(String name, int port, int hostPort) {
    return SandboxOptions.builder()
        .local()
        .connectTo(new SandboxOptions.ConnectTo(name, port, "127.0.0.1", hostPort));
  }

  private static Task transfer(Sandbox sandbox, String as, String url) {
    GuestCommand curl = GuestCommand.of("curl", "-fsS", "-o", "/dev/null", url);
    return into -> {
      long began = System.nanoTime();
      curl.text(sandbox);
      into.addRateSince(as, began, SIZE);
    };
  }

  /** What egress adds to a connection: its time less that of one which stays in the guest. */
  private static void connect(Sandbox sandbox, Recording into) throws IOException {
    into.add("connect", median(sandbox, "listed.test") - median(sandbox, "here"));
  }

  private static double median(Sandbox sandbox, String where) throws IOException {
    GuestCommand connect =
        GuestCommand.of("python3", "-c", CONNECT, where, Integer.toString(CONNECTIONS));
    double[] millis = connect.text(sandbox).lines().mapToDouble(Double::parseDouble).toArray();
    Arrays.sort(millis);
    return millis[millis.length / 2];
  }

  private static List<Measurement> measurements(Recording recording) {
    Unit rate = Unit.MEGABYTES_PER_SECOND;
    List<Alternative> alternatives = recording.alternatives(rate, List.of("native"));
    return List.of(
        new Measurement(
            "egress",
            "`curl` of 64 MiB from this host through egress",
            recording.samples("guest", rate),
            SLOWEST,
            alternatives),
        new Measurement(
            "egress.allow-list",
            "the same, with an allow list, each request looked at",
            recording.samples("listed", rate),
            SLOWEST,
            alternatives),
        new Measurement(
            "egress.secret",
            "the same by TLS, with a secret",
            recording.samples("secret", rate),
            SLOWEST_WITH_SECRET,
            alternatives),
        new Measurement(
            "egress.connect",
            "what egress adds to a connection's first byte",
            recording.samples("connect", Unit.MILLISECONDS),
            LONGEST_CONNECT,
            List.of()));
  }
}
