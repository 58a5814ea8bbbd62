package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.belljar.EgressLimits;
import dev.belljar.EgressRecord;
import dev.belljar.EgressRecord.Verdict;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import java.io.IOException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How much a sandbox may do on the network. */
@Timeout(180)
class EgressLimitsIT {
  private static LoopbackServer server;

  @BeforeAll
  static void open() throws IOException {
    server = LoopbackServer.plain();
  }

  @AfterAll
  static void close() {
    server.close();
  }

  private static Sandbox with(String limits) {
    return Sandbox.create(
        SandboxOptions.builder()
            .allowNet("api.example.com")
            .connectTo("api.example.com:80:127.0.0.1:" + server.port())
            .egressLimits(EgressLimits.parse(limits))
            .build());
  }

  /** Opens connections, says how many live, and keeps them until its input ends. */
  private static String connect(int count) {
    return """
        python3 - <<'END'
        import socket
        open = []
        for i in range(%d):
            try:
                c = socket.create_connection(("api.example.com", 80), timeout=20)
                c.sendall(b"GET /hello HTTP/1.1\\r\\nHost: api.example.com\\r\\n\\r\\n")
                if b"200 OK" in c.recv(1000):
                    open.append(c)
            except OSError:
                pass
        print(len(open))
        END
        """
        .formatted(count);
  }

  private static void awaitLimited(Sandbox sandbox, String part) {
    await()
        .untilAsserted(
            () ->
                assertThat(sandbox.egress())
                    .filteredOn(r -> r.verdict() == Verdict.LIMITED)
                    .extracting(EgressRecord::reason)
                    .anyMatch(reason -> reason.contains(part)));
  }

  @Test
  void noMoreConnectionsThanAllowedExistAtOnce() {
    try (Sandbox sandbox = with("connections=7")) {
      assertThat(sandbox.sh(connect(12)).text().strip()).isEqualTo("7");
      awaitLimited(sandbox, "there are 7 connections");
      assertThat(sandbox.sh("curl -sS http://api.example.com/hello").text()).contains("hello");
    }
  }

  @Test
  void twoHundredConnectionsExistAtOnce() {
    try (Sandbox sandbox = with("connections=250")) {
      assertThat(sandbox.sh(connect(200)).text().strip()).isEqualTo("200");
    }
  }

  @Test
  void afterTheLastByteConnectionsEnd() {
    try (Sandbox sandbox = with("bytes=1MB")) {
      assertThat(sandbox.sh("curl -sS http://api.example.com/bytes?500000 | wc -c").text().strip())
          .isEqualTo("500000");
      assertThat(
              sandbox
                  .sh("curl -sS http://api.example.com/bytes?900000 >/dev/null")
                  .noThrow()
                  .output()
                  .status()
                  .success())
          .isFalse();
      awaitLimited(sandbox, "its limit");
      assertThat(
              sandbox
                  .sh("curl -sS http://api.example.com/hello")
                  .noThrow()
                  .output()
                  .status()
                  .success())
          .isFalse();
      assertThat(sandbox.egress().stream().mapToLong(r -> r.bytesIn() + r.bytesOut()).sum())
          .isLessThan(1_200_000);
    }
  }

  @Test
  void aConnectionThatCarriesNothingEnds() {
    try (Sandbox sandbox = with("idle=1s")) {
      String said =
          sandbox
              .sh(
                  "python3 -c 'import socket; c = socket.create_connection((\"api.example.com\", 80));"
                      + " c.settimeout(60); print(c.recv(10))' 2>&1 || true")
              .text();
      assertThat(said).containsAnyOf("b''", "reset");
      await()
          .untilAsserted(
              () ->
                  assertThat(sandbox.egress())
                      .extracting(EgressRecord::reason)
                      .contains("it was idle for 1 s"));
    }
  }
}
