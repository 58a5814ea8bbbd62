package dev.belljar.engine.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The real agent, as a process of this host ({@code --stdio}): both ends speak the same protocol.
 */
@Timeout(60)
class RealAgentTest {
  @TempDir static Path directory;

  private Process process;
  private Agent agent;

  @BeforeAll
  static void build() throws Exception {
    Process compiler =
        new ProcessBuilder("../guest/agent/build.sh", directory.resolve("belljar-agent").toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(compiler.getInputStream().readAllBytes(), UTF_8);
    assertThat(compiler.waitFor()).as(said).isZero();
  }

  @BeforeEach
  void start() throws Exception {
    process =
        new ProcessBuilder(directory.resolve("belljar-agent").toString(), "--stdio")
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    agent = new Agent(new ProcessChannel(process), new ScriptedPeer.Refusing());
    agent.awaitGreeting(Duration.ofSeconds(10));
  }

  @AfterEach
  void stop() throws Exception {
    agent.close();
    process.destroyForcibly().waitFor();
  }

  @Test
  void aHeldAgentSaysNothingAndLosesNothing() throws Exception {
    AgentProcess process =
        agent.spawn(
            new AgentProcess.Start(
                List.of("/bin/sh", "-c", "while :; do echo 0123456789; done | head -c 3000000"),
                List.of("PATH=/usr/bin:/bin"),
                "/",
                "root",
                022,
                false,
                true,
                false,
                0,
                0));
    agent.hold(Duration.ofSeconds(20));
    // What is asked meanwhile waits, and is answered after.
    FutureTask<byte[]> ping = new FutureTask<>(() -> agent.ping(new byte[100_000 / 2]));
    Thread.ofVirtual().start(ping);
    agent.release();
    assertThat(ping.get(10, TimeUnit.SECONDS)).hasSize(50_000);
    try (InputStream output = process.stdout().orElseThrow().input()) {
      assertThat(output.readAllBytes()).hasSize(3_000_000);
    }
  }

  @Test
  void anAgentThatIsNotReleasedGoesOnByItself() throws Exception {
    agent.hold(Duration.ofMillis(300));
    FutureTask<byte[]> ping = new FutureTask<>(() -> agent.ping(new byte[1]));
    Thread.ofVirtual().start(ping);
    await().during(Duration.ofMillis(400)).until(() -> !ping.isDone());
    assertThatExceptionOfType(AgentErrorException.class)
        .isThrownBy(agent::release)
        .satisfies(e -> assertThat(e.errno()).isEqualTo(116));
    assertThat(ping.get(10, TimeUnit.SECONDS)).hasSize(1);
  }

  @Test
  void anAgentThatCopiesDoesNotHoldStill() throws Exception {
    Path large = directory.resolve("large");
    try (var file = new java.io.RandomAccessFile(large.toFile(), "rw")) {
      file.setLength(4L << 30);
    }
    Path copy = directory.resolve("copy");
    FutureTask<Boolean> copying =
        new FutureTask<>(
            () -> {
              agent.files().copy(0, large.toString(), copy.toString(), 022);
              return true;
            });
    Thread.ofVirtual().start(copying);
    await().until(() -> java.nio.file.Files.exists(copy));
    assertThatExceptionOfType(AgentErrorException.class)
        .isThrownBy(() -> agent.hold(Duration.ofSeconds(20)))
        .satisfies(e -> assertThat(e.errno()).isEqualTo(16));
    assertThat(agent.ping(new byte[1])).hasSize(1);
  }

  @Test
  void pingsComeBackAsTheyWere() throws Exception {
    byte[] most = new byte[60_000];
    java.util.Arrays.fill(most, (byte) 7);
    assertThat(agent.ping(most)).isEqualTo(most);
    assertThat(agent.ping(new byte[0])).isEmpty();
  }

  @Test
  void manyCallersGetTheirOwnAnswers() throws Exception {
    List<FutureTask<String>> callers = new ArrayList<>();
    for (int i = 0; i < 300; i++) {
      String text = "caller " + i;
      callers.add(
          new FutureTask<>(
              () -> {
                for (int j = 0; j < 20; j++) {
                  assertThat(agent.ping(text.getBytes(UTF_8))).asString().isEqualTo(text);
                }
                return text;
              }));
    }
    callers.forEach(Thread.ofVirtual()::start);
    for (int i = 0; i < callers.size(); i++) {
      assertThat(callers.get(i).get(30, TimeUnit.SECONDS)).isEqualTo("caller " + i);
    }
  }

  @Test
  void filesGoThereAndBackWhole() throws Exception {
    byte[] content = new byte[3_000_000];
    new java.util.Random(1).nextBytes(content);
    String path = directory.resolve("content").toString();
    try (AgentFiles.Writing writing = agent.files().write(0, path, false, true, false, 0644, 022)) {
      writing.write(content, 0, content.length);
      writing.finish();
    }
    assertThat(agent.files().stat(0, path, true).size()).isEqualTo(content.length);
    try (InputStream in = agent.files().read(0, path)) {
      assertThat(in.readAllBytes()).isEqualTo(content);
    }
  }

  @Test
  void aRefusalCarriesTheKernelsErrno() {
    assertThatExceptionOfType(AgentErrorException.class)
        .isThrownBy(() -> agent.files().stat(0, directory.resolve("missing").toString(), true))
        .satisfies(e -> assertThat(e.errno()).isEqualTo(2));
    assertThatExceptionOfType(AgentErrorException.class)
        .isThrownBy(() -> agent.files().read(0, directory.resolve("missing").toString()))
        .satisfies(e -> assertThat(e.errno()).isEqualTo(2));
    assertThatExceptionOfType(AgentErrorException.class)
        .isThrownBy(() -> agent.files().readDirectory(0, "/etc/passwd"))
        .satisfies(e -> assertThat(e.errno()).isEqualTo(20));
  }

  @Test
  void anAgentThatDiesEndsWhatWaits() throws Exception {
    FutureTask<byte[]> waiting = new FutureTask<>(() -> agent.ping(new byte[1]));
    process.destroyForcibly().waitFor();
    Thread.ofVirtual().start(waiting);
    assertThatExceptionOfType(java.util.concurrent.ExecutionException.class)
        .isThrownBy(() -> waiting.get(5, TimeUnit.SECONDS))
        .withCauseInstanceOf(IOException.class);
    assertThat(agent.ended().get(5, TimeUnit.SECONDS)).isNotInstanceOf(ProtocolException.class);
  }

  /** The standard streams of a process as one channel. */
  private static final class ProcessChannel implements ByteChannel {
    private final ReadableByteChannel in;
    private final WritableByteChannel out;
    private final OutputStream stdin;

    ProcessChannel(Process process) {
      stdin = process.getOutputStream();
      in = Channels.newChannel(process.getInputStream());
      out =
          Channels.newChannel(
              new java.io.FilterOutputStream(stdin) {
                @Override
                public void write(byte[] bytes, int offset, int length) throws IOException {
                  stdin.write(bytes, offset, length);
                  stdin.flush();
                }
              });
    }

    @Override
    public int read(ByteBuffer target) throws IOException {
      return in.read(target);
    }

    @Override
    public int write(ByteBuffer source) throws IOException {
      return out.write(source);
    }

    @Override
    public boolean isOpen() {
      return in.isOpen();
    }

    @Override
    public void close() throws IOException {
      stdin.close();
    }
  }
}
