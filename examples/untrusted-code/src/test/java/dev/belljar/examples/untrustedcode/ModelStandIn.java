package dev.belljar.examples.untrustedcode;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** An HTTP server on loopback that plays the Messages API of the model, with one answer. */
final class ModelStandIn implements AutoCloseable {
  private final HttpServer server;
  private final int status;
  private final String answer;
  private volatile String question = "";
  private volatile Optional<String> key = Optional.empty();

  private ModelStandIn(int status, String answer) throws IOException {
    this.status = status;
    this.answer = answer;
    server = HttpServer.create(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0), 0);
    server.createContext("/v1/messages", this::answer);
    server.start();
  }

  /** One that replies with that text, which needs no JSON escapes but those of line ends. */
  static ModelStandIn replying(String text) throws IOException {
    String escaped = text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
    return new ModelStandIn(
        200,
        """
        {"id":"msg_01","type":"message","role":"assistant","model":"claude-opus-4-6",
         "content":[{"type":"text","text":"%s"}],
         "stop_reason":"end_turn","stop_sequence":null,
         "usage":{"input_tokens":30,"output_tokens":300}}
        """
            .formatted(escaped));
  }

  /** One that refuses every key. */
  static ModelStandIn refusing() throws IOException {
    return new ModelStandIn(
        401,
        """
        {"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}
        """);
  }

  String baseUrl() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  /** The body of the last request. */
  String question() {
    return question;
  }

  /** The key of the last request. */
  Optional<String> key() {
    return key;
  }

  @Override
  public void close() {
    server.stop(0);
  }

  private void answer(HttpExchange exchange) throws IOException {
    question = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
    // The API takes both; which one the client sends has changed between its versions.
    key =
        Optional.ofNullable(exchange.getRequestHeaders().getFirst("authorization"))
            .map(header -> header.replaceFirst("^Bearer ", ""))
            .or(() -> Optional.ofNullable(exchange.getRequestHeaders().getFirst("x-api-key")));
    byte[] body = answer.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("content-type", "application/json");
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
    exchange.close();
  }
}
