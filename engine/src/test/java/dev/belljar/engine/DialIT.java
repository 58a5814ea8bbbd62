package dev.belljar.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.ChildProcess;
import dev.belljar.FileSystemOperationException;
import dev.belljar.GuestConnection;
import dev.belljar.InvalidOptionException;
import dev.belljar.Sandbox;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class DialIT {
  /** Echoes each connection to its end, then says goodbye; prints its port first. */
  private static final String ECHO =
      """
      import socket, threading
      def serve(peer):
          with peer:
              while data := peer.recv(65536):
                  peer.sendall(data)
              peer.sendall(b"bye")
      with socket.create_server(("127.0.0.1", 0)) as server:
          print(server.getsockname()[1], flush=True)
          while True:
              threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
      """;

  private static Sandbox sandbox;
  private static int port;

  @BeforeAll
  static void create() throws IOException {
    sandbox = Sandbox.create();
    ChildProcess echo = sandbox.spawn("python3", "-c", ECHO);
    port =
        Integer.parseInt(
            new BufferedReader(new InputStreamReader(echo.stdout(), UTF_8)).readLine());
  }

  @AfterAll
  static void close() {
    sandbox.close();
  }

  @Test
  void theEndOfOneDirectionLeavesTheOther() throws IOException {
    try (GuestConnection connection = sandbox.dial(port)) {
      connection.output().write("hello".getBytes(UTF_8));
      assertThat(connection.input().readNBytes(5)).asString(UTF_8).isEqualTo("hello");
      connection.output().close();
      assertThat(connection.input().readAllBytes()).asString(UTF_8).isEqualTo("bye");
    }
  }

  @Test
  void megabytesGoBothWaysAtOnce() throws Exception {
    byte[] bytes = new byte[10 << 20];
    new Random(7).nextBytes(bytes);
    try (GuestConnection connection = sandbox.dial(port)) {
      FutureTask<Integer> writing =
          new FutureTask<>(
              () -> {
                try (OutputStream output = connection.output()) {
                  output.write(bytes);
                }
                return bytes.length;
              });
      Thread.ofVirtual().start(writing);
      byte[] back = connection.input().readNBytes(bytes.length);
      assertThat(Arrays.equals(back, bytes)).isTrue();
      assertThat(writing.get()).isEqualTo(bytes.length);
    }
  }

  @Test
  void aPortOnWhichNothingListensRefuses() {
    assertThatExceptionOfType(FileSystemOperationException.class)
        .isThrownBy(() -> sandbox.dial(9))
        .satisfies(e -> assertThat(e.code()).isEqualTo("ECONNREFUSED"));
  }

  @Test
  void aPortThatCannotBeIsRefusedHere() {
    for (int wrong : new int[] {-1, 0, 65_536}) {
      assertThatExceptionOfType(InvalidOptionException.class)
          .isThrownBy(() -> sandbox.dial(wrong))
          .withMessageContaining("65535");
    }
  }

  @Test
  void aServerOnTheNewerLoopbackIsFound() throws IOException {
    ChildProcess server =
        sandbox.spawn(
            "python3",
            "-c",
            """
            import socket
            with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
                print(server.getsockname()[1], flush=True)
                server.accept()[0].sendall(b"six")
            """);
    String six = new BufferedReader(new InputStreamReader(server.stdout(), UTF_8)).readLine();
    try (GuestConnection connection = sandbox.dial(Integer.parseInt(six))) {
      assertThat(connection.input().readNBytes(3)).asString(UTF_8).isEqualTo("six");
    }
    server.close();
  }

  @Test
  void closedConnectionsLeaveRoomForAnyNumberMore() throws IOException {
    for (int round = 0; round < 600; round++) {
      try (GuestConnection connection = sandbox.dial(port)) {
        connection.output().write(round);
      }
    }
    try (GuestConnection connection = sandbox.dial(port)) {
      connection.output().write('x');
      assertThat(connection.input().read()).isEqualTo('x');
    }
  }

  @Test
  void aConnectionEndsWithItsSandbox() throws IOException {
    try (Sandbox other = Sandbox.create()) {
      ChildProcess echo = other.spawn("python3", "-c", ECHO);
      String there = new BufferedReader(new InputStreamReader(echo.stdout(), UTF_8)).readLine();
      GuestConnection connection = other.dial(Integer.parseInt(there));
      other.close();
      assertThatExceptionOfType(IOException.class).isThrownBy(() -> connection.input().read());
    }
  }
}
