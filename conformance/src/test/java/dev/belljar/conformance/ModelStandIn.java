package dev.belljar.conformance;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** An HTTP server on loopback that plays the Messages API of the model, with one answer. */
final class ModelStandIn implements AutoCloseable {
  private static final JsonMapper JSON = new JsonMapper();

  private final HttpServer server;
  private final String reply;
  private volatile JsonNode question = JSON.createObjectNode();

  private ModelStandIn(HttpServer server, String reply) {
    this.server = server;
    this.reply = reply;
  }

  /** One that replies with that text. */
  static ModelStandIn replying(String text) throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0), 0);
    var standIn = new ModelStandIn(server, text);
    server.createContext("/v1/messages", standIn::answer);
    server.start();
    return standIn;
  }

  String baseUrl() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  /** The body of the last request. */
  JsonNode question() {
    return question;
  }

  @Override
  public void close() {
    server.stop(0);
  }

  private void answer(HttpExchange exchange) throws IOException {
    question = JSON.readTree(exchange.getRequestBody().readAllBytes());
    var answer = JSON.createObjectNode();
    answer.put("id", "msg_01").put("type", "message").put("role", "assistant");
    answer.put("model", question.path("model").asString());
    answer.putArray("content").addObject().put("type", "text").put("text", reply);
    answer.put("stop_reason", "end_turn").putNull("stop_sequence");
    answer.set("usage", JSON.valueToTree(Map.of("input_tokens", 30, "output_tokens", 300)));
    byte[] body = answer.toString().getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("content-type", "application/json");
    exchange.sendResponseHeaders(200, body.length);
    exchange.getResponseBody().write(body);
    exchange.close();
  }
}
