package dev.belljar.bench;

import dev.belljar.Endpoint;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A socket on a sandbox of a server, with nothing between its user and the protocol: a file is one
 * message, as with the official clients. One request at a time.
 */
final class RawSocket implements AutoCloseable {
  private static final long PATIENCE_SECONDS = 120;

  /**
   * Characters given to the JDK's client at a time: of a text of more than 2²⁵ it damages frames
   * (seen with 25.0.3). On the wire it is one message.
   */
  private static final int PIECE = 1 << 20;

  private static final JsonMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder().maxStringLength(Integer.MAX_VALUE).build())
                  .build())
          .build();

  private final WebSocket socket;
  private final Messages messages;
  private int requests;

  private RawSocket(WebSocket socket, Messages messages) {
    this.socket = socket;
    this.messages = messages;
  }

  static RawSocket connect(HttpClient client, Endpoint server, String sandboxId)
      throws IOException, InterruptedException {
    URI at = server.sandboxes();
    String scheme = "https".equals(at.getScheme()) ? "wss" : "ws";
    Messages messages = new Messages();
    WebSocket socket =
        await(
            client
                .newWebSocketBuilder()
                .header("Authorization", "Bearer " + server.token())
                .buildAsync(
                    URI.create(
                        scheme
                            + "://"
                            + at.getAuthority()
                            + "/api/v3/sandbox/"
                            + sandboxId
                            + "/connect"),
                    messages));
    return new RawSocket(socket, messages);
  }

  static ObjectNode params() {
    return MAPPER.createObjectNode();
  }

  /**
   * Calls a method and waits for its result.
   *
   * @throws IOException where it is an error, or the connection ended
   */
  JsonNode call(String method, ObjectNode params) throws IOException, InterruptedException {
    JsonNode result = MAPPER.readTree(answer(method, params.toString())).path("result");
    if (result.has("ok")) {
      return result.get("ok");
    }
    throw new IOException(method + " was answered: " + result);
  }

  /**
   * Calls a method of which params or result are large: neither is made into a tree, which takes
   * this client longer than it takes the server to answer.
   *
   * @param params JSON
   * @return the JSON of the result
   * @throws IOException where it is an error, or the connection ended
   */
  String callLarge(String method, String params) throws IOException, InterruptedException {
    String answer = answer(method, params);
    int result = answer.indexOf("\"result\":{\"ok\":");
    if (result < 0 || !answer.endsWith("}}")) {
      throw new IOException(
          method + " was answered: " + answer.substring(0, Math.min(answer.length(), 1000)));
    }
    return answer.substring(
        answer.indexOf(':', result + "\"result\":".length()) + 1, answer.length() - 2);
  }

  private String answer(String method, String params) throws IOException, InterruptedException {
    int id = ++requests;
    send(
        "{\"jsonrpc\":\"2.0\",\"id\":"
            + id
            + ",\"method\":\""
            + method
            + "\",\"params\":"
            + params
            + "}");
    while (true) {
      String message = messages.next();
      // The server writes the id before the result.
      if (message.startsWith("{\"jsonrpc\":\"2.0\",\"id\":" + id + ",")) {
        return message;
      }
    }
  }

  /** What the protocol has for finding out whether the other side is there. */
  void ping() throws IOException, InterruptedException {
    send("ping");
    String answer = messages.next();
    if (!answer.equals("pong")) {
      throw new IOException("A ping was answered: " + answer);
    }
  }

  private void send(String message) throws IOException, InterruptedException {
    try {
      for (int from = 0; from < message.length(); from += PIECE) {
        int to = Math.min(message.length(), from + PIECE);
        await(socket.sendText(message.substring(from, to), to == message.length()));
      }
    } catch (IOException e) {
      throw messages.end.isEmpty() ? e : new IOException(messages.end, e);
    }
  }

  @Override
  public void close() {
    socket.abort();
  }

  private static <T> T await(CompletionStage<T> stage) throws IOException, InterruptedException {
    try {
      return stage.toCompletableFuture().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      throw new IOException("The socket failed: " + e.getCause(), e);
    } catch (TimeoutException e) {
      throw new IOException("The server did not answer for " + PATIENCE_SECONDS + " s.", e);
    }
  }

  /** Puts messages together and keeps them until they are asked for. */
  private static final class Messages implements WebSocket.Listener {
    private final BlockingQueue<String> complete = new LinkedBlockingQueue<>();

    /** What is known of the connection's end; empty while there is none. */
    private volatile String end = "";

    /** Kept, as growing again and again would be a good part of what a large message takes. */
    private final StringBuilder partial = new StringBuilder();

    String next() throws IOException, InterruptedException {
      String message = complete.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
      if (message == null) {
        throw new IOException("The server did not answer for " + PATIENCE_SECONDS + " s.");
      }
      if (!end.isEmpty()) {
        throw new IOException(end);
      }
      return message;
    }

    @Override
    public @Nullable CompletionStage<?> onText(WebSocket from, CharSequence data, boolean last) {
      partial.append(data);
      if (last) {
        complete.add(partial.toString());
        partial.setLength(0);
      }
      from.request(1);
      return null;
    }

    @Override
    public @Nullable CompletionStage<?> onClose(WebSocket from, int code, String reason) {
      ended("The server closed the socket with " + code + ": " + reason);
      return null;
    }

    @Override
    public void onError(WebSocket from, Throwable failure) {
      ended("The socket failed: " + failure);
    }

    private void ended(String why) {
      end = why;
      // Wakes who waits.
      complete.add(why);
    }
  }
}
