package dev.belljar.server.tokens;

import dev.belljar.BelljarException;
import dev.belljar.server.store.CreatedToken;
import dev.belljar.server.store.Tokens;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * A socket in the data directory, by which the operator's commands reach the server that runs. Who
 * may enter the directory may do everything to it anyway: only its owner may.
 */
public final class TokenSocket implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(TokenSocket.class);
  private static final int LONGEST_LINE = 4096;
  private static final int MOST_CONNECTIONS = 16;

  private final ServerSocketChannel server;
  private final Path socket;
  private final Tokens tokens;
  private final Set<SocketChannel> open = ConcurrentHashMap.newKeySet();
  private final Semaphore free = new Semaphore(MOST_CONNECTIONS);
  private volatile Optional<ServerOfUser> offer = Optional.empty();

  private TokenSocket(ServerSocketChannel server, Path socket, Tokens tokens) {
    this.server = server;
    this.socket = socket;
    this.tokens = tokens;
  }

  /** Listens; empty where that cannot be, which is logged: the server does without. */
  public static Optional<TokenSocket> open(Path data, Tokens tokens) {
    Path socket = RunningServer.socket(data);
    try {
      // Whoever left it is gone: the database is ours.
      Files.deleteIfExists(socket);
      ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
      server.bind(UnixDomainSocketAddress.of(socket));
      TokenSocket listening = new TokenSocket(server, socket, tokens);
      Thread.ofVirtual().name("tokens").start(listening::accept);
      return Optional.of(listening);
    } catch (IOException | RuntimeException e) {
      LOG.warn("'belljar tokens' will need this server stopped: {}", e.getMessage());
      return Optional.empty();
    }
  }

  /** Tells whoever asks from now on where this server listens, and what lets them in. */
  public void offer(String url, HostPass pass) {
    offer = Optional.of(new ServerOfUser(url, pass.secret()));
  }

  private void accept() {
    try {
      while (true) {
        SocketChannel channel = server.accept();
        if (!free.tryAcquire()) {
          channel.close();
          continue;
        }
        open.add(channel);
        Thread.ofVirtual().name("operator").start(() -> serve(channel));
      }
    } catch (IOException e) {
      LOG.debug("No more operators", e);
    }
  }

  private void serve(SocketChannel channel) {
    try (channel;
        BufferedReader questions =
            new BufferedReader(Channels.newReader(channel, StandardCharsets.UTF_8), LONGEST_LINE);
        Writer answers = Channels.newWriter(channel, StandardCharsets.UTF_8)) {
      StringBuilder line = new StringBuilder();
      int character;
      while ((character = questions.read()) >= 0) {
        if (character != '\n') {
          line.append((char) character);
          if (line.length() > LONGEST_LINE) {
            return;
          }
          continue;
        }
        answers.write(answer(line.toString()) + "\n");
        answers.flush();
        line.setLength(0);
      }
    } catch (IOException e) {
      LOG.debug("An operator is gone", e);
    } finally {
      open.remove(channel);
      free.release();
    }
  }

  private ObjectNode answer(String line) {
    ObjectNode answer = JsonNodeFactory.instance.objectNode();
    try {
      JsonNode question = TokenLine.MAPPER.readTree(line);
      switch (question.path("do").asString("")) {
        case "create" -> {
          CreatedToken created =
              tokens.create(
                  question.path("organization").asString(""), question.path("name").asString(""));
          answer.set("token", TokenLine.write(created.token()));
          answer.put("secret", created.secret());
        }
        case "list" -> {
          ArrayNode list = answer.putArray("tokens");
          tokens.list().forEach(token -> list.add(TokenLine.write(token)));
        }
        case "revoke" -> answer.put("revoked", tokens.revoke(question.path("id").asString("")));
        // An object without members where nothing is offered.
        case "offer" ->
            offer.ifPresent(server -> answer.put("url", server.url()).put("pass", server.pass()));
        default -> answer.put("error", "The server does not know this question.");
      }
    } catch (JacksonException | BelljarException e) {
      answer.put("error", String.valueOf(e.getMessage()));
    }
    return answer;
  }

  /** Stops listening. */
  @Override
  public void close() {
    try {
      server.close();
      for (SocketChannel channel : open) {
        channel.close();
      }
      Files.deleteIfExists(socket);
    } catch (IOException e) {
      LOG.debug("The socket for tokens did not close", e);
    }
  }
}
