package dev.belljar.server.tokens;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.belljar.InvalidOptionException;
import dev.belljar.server.store.CreatedToken;
import dev.belljar.server.store.MetadataStore;
import dev.belljar.server.store.StoreConfig;
import dev.belljar.server.store.TokenRecord;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The operator's way to a server that runs. */
@Timeout(60)
class TokenSocketTest {
  @TempDir Path data;
  private MetadataStore store;
  private TokenSocket socket;

  @BeforeEach
  void open() {
    store = MetadataStore.open(StoreConfig.embedded(data));
    socket = TokenSocket.open(data, store.tokens()).orElseThrow();
  }

  @AfterEach
  void close() {
    socket.close();
    store.close();
  }

  @Test
  void tokensAreMadeListedAndRevokedWhileTheServerRuns() {
    try (TokenDesk desk = TokenDesk.open(data, StoreConfig.embedded(data))) {
      CreatedToken created = desk.create("acme", "ünïcode");
      assertThat(store.tokens().find(created.secret())).isPresent();
      assertThat(desk.list()).extracting(TokenRecord::name).containsExactly("ünïcode");
      assertThat(desk.list().toString()).doesNotContain(created.secret());
      assertThat(desk.revoke(created.token().id())).isTrue();
      assertThat(desk.revoke(created.token().id())).isFalse();
      assertThat(store.tokens().find(created.secret())).isEmpty();
      assertThatExceptionOfType(InvalidOptionException.class)
          .isThrownBy(() -> desk.create("Not An Organization", ""));
      assertThat(desk.list()).hasSize(1);
    }
  }

  @Test
  void withoutAServerTheDeskUsesTheDatabaseItself() {
    socket.close();
    store.close();
    try (TokenDesk desk = TokenDesk.open(data, StoreConfig.embedded(data))) {
      assertThat(desk).isInstanceOf(TokenDesk.Direct.class);
      desk.create("acme", "");
    }
    store = MetadataStore.open(StoreConfig.embedded(data));
    assertThat(store.tokens().count()).isEqualTo(1);
  }

  @Test
  void onlyItsOwnerEntersTheDirectory() throws Exception {
    assertThat(Files.getPosixFilePermissions(RunningServer.socket(data).getParent()))
        .isSubsetOf(
            PosixFilePermission.OWNER_READ,
            PosixFilePermission.OWNER_WRITE,
            PosixFilePermission.OWNER_EXECUTE);
  }

  private SocketChannel connect() throws Exception {
    SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
    channel.connect(UnixDomainSocketAddress.of(RunningServer.socket(data)));
    return channel;
  }

  private static String ask(SocketChannel channel, String text) throws Exception {
    channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
    ByteBuffer answer = ByteBuffer.allocate(10_000);
    return channel.read(answer) < 0
        ? ""
        : new String(answer.array(), 0, answer.position(), StandardCharsets.UTF_8);
  }

  @Test
  void nonsenseIsAnsweredAndEndlessLinesAreNot() throws Exception {
    try (SocketChannel channel = connect()) {
      for (String line : List.of("", "x", "[]", "1", "{}", "{\"do\":1}", "{\"do\":\"create\"}")) {
        assertThat(ask(channel, line + "\n")).contains("\"error\"");
      }
      assertThat(ask(channel, "{\"do\":\"revoke\",\"id\":\"x\"}\n")).doesNotContain("true");
    }
    try (SocketChannel channel = connect()) {
      assertThat(ask(channel, "x".repeat(5000))).isEmpty();
    }
    assertThat(store.tokens().count()).isZero();
  }

  private Optional<ServerOfUser> find() {
    return ServerOfUser.find(data, Duration.ofSeconds(10));
  }

  @Test
  void aServerIsFoundOnceItOffersItselfAndNoLonger() throws Exception {
    assertThat(find()).isEmpty();
    try (SocketChannel channel = connect()) {
      assertThat(ask(channel, "{\"do\":\"offer\"}\n")).isEqualTo("{}\n");
    }
    HostPass pass = HostPass.next();
    socket.offer("http://127.0.0.1:1", pass);

    ServerOfUser found = find().orElseThrow();
    assertThat(found.url()).isEqualTo("http://127.0.0.1:1");
    assertThat(pass.is(found.pass())).isTrue();
    assertThat(found.toString()).doesNotContain(found.pass());
    assertThat(store.tokens().find(found.pass())).isEmpty();
    assertThat(store.tokens().count()).isZero();
    assertThat(ServerOfUser.find(data.resolve("other"), Duration.ofSeconds(10))).isEmpty();

    socket.close();
    assertThat(find()).isEmpty();
  }

  @Test
  void onlyThePassItselfIsThePass() {
    HostPass pass = HostPass.next();
    assertThat(HostPass.next().is(pass.secret())).isFalse();
    for (String text : List.of("", "bjp_", pass.secret() + "x", pass.secret().substring(1))) {
      assertThat(pass.is(text)).isFalse();
    }
    assertThat(pass.is(pass.secret())).isTrue();
  }

  @Test
  void whoHangsOrAnswersNonsenseIsNoServer() throws Exception {
    socket.close();
    for (String answer :
        List.of("", "\n", "x\n", "[]\n", "{\"url\":1,\"pass\":[]}\n", "{\"url\":\"http://a\"}\n")) {
      try (ServerSocketChannel other = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
        other.bind(UnixDomainSocketAddress.of(RunningServer.socket(data)));
        Thread answering =
            Thread.startVirtualThread(
                () -> {
                  try (SocketChannel channel = other.accept()) {
                    channel.write(ByteBuffer.wrap(answer.getBytes(StandardCharsets.UTF_8)));
                    // Until who asked has gone.
                    while (channel.read(ByteBuffer.allocate(100)) >= 0) {}
                  } catch (IOException e) {
                    // As good as gone.
                  }
                });
        assertThat(ServerOfUser.find(data, Duration.ofMillis(300))).as(answer).isEmpty();
        answering.join();
      }
      Files.delete(RunningServer.socket(data));
    }
  }

  @Test
  void aSocketThatSomebodyLeftIsNoServer() throws Exception {
    socket.close();
    ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    dead.bind(UnixDomainSocketAddress.of(RunningServer.socket(data)));
    dead.close();

    assertThat(RunningServer.socket(data)).exists();
    assertThat(find()).isEmpty();
  }

  @Test
  void aSocketOfAnotherUserOrInTheirDirectoryIsNotAsked() throws Exception {
    socket.offer("http://127.0.0.1:1", HostPass.next());
    assumeThat(Files.getAttribute(Path.of("/proc/self"), "unix:uid")).isEqualTo(0);
    assertThat(find()).isPresent();
    for (Path theirs :
        List.of(RunningServer.socket(data), RunningServer.socket(data).resolveSibling("."))) {
      Files.setAttribute(theirs, "unix:uid", 12_345);
      assertThat(find()).isEmpty();
      Files.setAttribute(theirs, "unix:uid", 0);
    }
    assertThat(find()).isPresent();
  }

  @Test
  void operatorsThatComeAndGoLeaveRoomForTheNext() throws Exception {
    List<SocketChannel> many = new ArrayList<>();
    for (int i = 0; i < 30; i++) {
      many.add(connect());
    }
    for (SocketChannel channel : many) {
      channel.close();
    }
    org.awaitility.Awaitility.await()
        .ignoreExceptions()
        .until(
            () -> {
              try (SocketChannel channel = connect()) {
                return ask(channel, "{\"do\":\"list\"}\n").contains("tokens");
              }
            });
  }
}
