package dev.belljar.engine;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.net.ssl.SSLContext;

/**
 * A web server on this host's loopback, where a sandbox gets only by {@code connectTo}: {@code
 * /hello} says so, {@code /bytes?N} gives N bytes, {@code /count} says how many bytes it was sent,
 * {@code /echo} repeats the request, in its answer's head as well, packed and in chunks where the
 * query says {@code gzip}.
 */
final class LoopbackServer implements AutoCloseable {
  private final HttpServer server;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  private volatile String lastRequest = "";

  private LoopbackServer(HttpServer server) {
    this.server = server;
    server.createContext("/hello", exchange -> answer(exchange, "hello from the host\n"));
    server.createContext("/count", exchange -> answer(exchange, count(exchange) + "\n"));
    server.createContext("/bytes", LoopbackServer::giveBytes);
    server.createContext("/echo", this::echo);
    server.setExecutor(threads);
    server.start();
  }

  static LoopbackServer plain() throws IOException {
    return new LoopbackServer(HttpServer.create(anyPort(), 200));
  }

  static LoopbackServer secure(SSLContext context) throws IOException {
    HttpsServer https = HttpsServer.create(anyPort(), 200);
    https.setHttpsConfigurator(new HttpsConfigurator(context));
    return new LoopbackServer(https);
  }

  /** What the last request to {@code /echo} was: URL, header fields, body. */
  String lastRequest() {
    return lastRequest;
  }

  int port() {
    return server.getAddress().getPort();
  }

  @Override
  public void close() {
    server.stop(0);
    threads.close();
  }

  private void echo(HttpExchange exchange) throws IOException {
    StringBuilder text = new StringBuilder(exchange.getRequestURI().toString()).append('\n');
    exchange
        .getRequestHeaders()
        .forEach((name, values) -> text.append(name + ": " + String.join(",", values) + "\n"));
    byte[] body = exchange.getRequestBody().readAllBytes();
    text.append(new String(body, java.nio.charset.StandardCharsets.UTF_8));
    lastRequest = text.toString();
    String authorization = exchange.getRequestHeaders().getFirst("Authorization");
    exchange.getResponseHeaders().add("X-Echo", String.valueOf(authorization));
    byte[] bytes = lastRequest.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    if (String.valueOf(exchange.getRequestURI().getQuery()).contains("gzip")) {
      exchange.getResponseHeaders().add("Content-Encoding", "gzip");
      exchange.sendResponseHeaders(200, 0);
      try (OutputStream out = new java.util.zip.GZIPOutputStream(exchange.getResponseBody())) {
        out.write(bytes);
      }
    } else {
      exchange.sendResponseHeaders(200, bytes.length);
      try (OutputStream out = exchange.getResponseBody()) {
        out.write(bytes);
      }
    }
  }

  private static InetSocketAddress anyPort() {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
  }

  private static void answer(HttpExchange exchange, String text) throws IOException {
    byte[] bytes = text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(200, bytes.length);
    try (OutputStream body = exchange.getResponseBody()) {
      body.write(bytes);
    }
  }

  private static long count(HttpExchange exchange) throws IOException {
    try (InputStream body = exchange.getRequestBody()) {
      return body.transferTo(OutputStream.nullOutputStream());
    }
  }

  private static void giveBytes(HttpExchange exchange) throws IOException {
    long left = Long.parseLong(exchange.getRequestURI().getQuery());
    exchange.sendResponseHeaders(200, left);
    byte[] block = new byte[64 << 10];
    try (OutputStream body = exchange.getResponseBody()) {
      for (; left > 0; left -= block.length) {
        body.write(block, 0, (int) Math.min(left, block.length));
      }
    }
  }
}
