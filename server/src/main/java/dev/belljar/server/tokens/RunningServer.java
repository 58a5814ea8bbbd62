package dev.belljar.server.tokens;

import dev.belljar.BelljarException;
import dev.belljar.InvalidOptionException;
import dev.belljar.server.store.CreatedToken;
import dev.belljar.server.store.TokenRecord;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** The desk of a server that runs, asked over its socket: a line of JSON there, a line back. */
final class RunningServer implements TokenDesk {
  private final SocketChannel channel;
  private final BufferedReader answers;

  /** Not connected yet. Closing it, from any thread, ends whatever waits for the server. */
  RunningServer() throws IOException {
    channel = SocketChannel.open(StandardProtocolFamily.UNIX);
    answers = new BufferedReader(Channels.newReader(channel, StandardCharsets.UTF_8));
  }

  RunningServer(Path socket) throws IOException {
    this();
    try {
      connect(socket);
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  /** Where the server of a data directory listens for whom that directory belongs to. */
  static Path socket(Path data) {
    return data.toAbsolutePath().normalize().resolve("metadata").resolve("tokens.socket");
  }

  void connect(Path socket) throws IOException {
    channel.connect(UnixDomainSocketAddress.of(socket));
  }

  /** Where the server listens and what lets this host's user in; empty where it offers nothing. */
  Optional<ServerOfUser> offer() {
    JsonNode answer = ask(JsonNodeFactory.instance.objectNode().put("do", "offer"));
    String url = answer.path("url").asString("");
    String pass = answer.path("pass").asString("");
    return url.isEmpty() || pass.isEmpty()
        ? Optional.empty()
        : Optional.of(new ServerOfUser(url, pass));
  }

  @Override
  public CreatedToken create(String organization, String name) {
    JsonNode answer =
        ask(
            JsonNodeFactory.instance
                .objectNode()
                .put("do", "create")
                .put("organization", organization)
                .put("name", name));
    return new CreatedToken(
        TokenLine.read(answer.path("token")), answer.path("secret").asString(""));
  }

  @Override
  public List<TokenRecord> list() {
    List<TokenRecord> tokens = new ArrayList<>();
    for (JsonNode token :
        ask(JsonNodeFactory.instance.objectNode().put("do", "list")).path("tokens")) {
      tokens.add(TokenLine.read(token));
    }
    return tokens;
  }

  @Override
  public boolean revoke(String id) {
    return ask(JsonNodeFactory.instance.objectNode().put("do", "revoke").put("id", id))
        .path("revoked")
        .asBoolean(false);
  }

  private JsonNode ask(ObjectNode question) {
    try {
      ByteBuffer bytes = ByteBuffer.wrap((question + "\n").getBytes(StandardCharsets.UTF_8));
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      String line = answers.readLine();
      if (line == null) {
        throw new BelljarException("The server ended before it answered; try again.");
      }
      JsonNode answer = TokenLine.MAPPER.readTree(line);
      if (answer.has("error")) {
        throw new InvalidOptionException(answer.path("error").asString(""));
      }
      return answer;
    } catch (IOException | JacksonException e) {
      throw new BelljarException("The server could not be asked: " + e.getMessage(), e);
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      // Nothing is wanted of it any more.
    }
  }
}
