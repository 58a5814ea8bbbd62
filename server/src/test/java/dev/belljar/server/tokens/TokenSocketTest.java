package dev.belljar.server.tokens;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.InvalidOptionException;
import dev.belljar.server.store.CreatedToken;
import dev.belljar.server.store.MetadataStore;
import dev.belljar.server.store.StoreConfig;
import dev.belljar.server.store.TokenRecord;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.List;
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
    assertThat(Files.getPosixFilePermissions(TokenSocket.in(data).getParent()))
        .isSubsetOf(
            PosixFilePermission.OWNER_READ,
            PosixFilePermission.OWNER_WRITE,
            PosixFilePermission.OWNER_EXECUTE);
  }

  private SocketChannel connect() throws Exception {
    SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
    channel.connect(UnixDomainSocketAddress.of(TokenSocket.in(data)));
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
