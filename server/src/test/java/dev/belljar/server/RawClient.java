package dev.belljar.server;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A WebSocket made of bytes, which can misbehave in every way. */
final class RawClient implements AutoCloseable {
  static final JsonMapper JSON = new JsonMapper();
  private static final int TEXT = 1;
  private static final int BINARY = 2;
  private static final int CLOSE = 8;
  private static final int PING = 9;

  private final Socket socket;
  private final DataInputStream in;
  private final OutputStream out;
  private final int status;
  private final Map<String, String> headers;
  private final String body;
  private final Map<String, CompletableFuture<JsonNode>> waiting = new ConcurrentHashMap<>();
  private final Map<String, AtomicInteger> answers = new ConcurrentHashMap<>();
  private final Map<Long, Received> streams = new ConcurrentHashMap<>();
  private final LinkedBlockingQueue<JsonNode> notices = new LinkedBlockingQueue<>();
  private final LinkedBlockingQueue<JsonNode> strangers = new LinkedBlockingQueue<>();
  private final LinkedBlockingQueue<Long> pongs = new LinkedBlockingQueue<>();
  private final CompletableFuture<Integer> closed = new CompletableFuture<>();
  private final AtomicLong nextId = new AtomicLong(1);

  /** What came on a stream. */
  record Received(AtomicLong bytes, CompletableFuture<String> end) {}

  private RawClient(
      Socket socket,
      DataInputStream in,
      OutputStream out,
      int status,
      Map<String, String> headers,
      String body) {
    this.socket = socket;
    this.in = in;
    this.out = out;
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  /** Asks for a socket. Look at {@link #status}; reading begins with {@link #reading}. */
  static RawClient ask(String endpoint, String path, Map<String, String> headers)
      throws IOException {
    return ask(endpoint, path, headers, 0);
  }

  static RawClient ask(String endpoint, String path, Map<String, String> headers, int receiveBuffer)
      throws IOException {
    URI uri = URI.create(endpoint);
    Socket socket = new Socket();
    socket.setTcpNoDelay(true);
    if (receiveBuffer > 0) {
      socket.setReceiveBufferSize(receiveBuffer);
    }
    socket.connect(new InetSocketAddress(uri.getHost(), uri.getPort()));
    StringBuilder request =
        new StringBuilder("GET " + path + " HTTP/1.1\r\n")
            .append("Host: ")
            .append(uri.getAuthority())
            .append(
                "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n")
            .append("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    headers.forEach((name, value) -> request.append(name + ": " + value + "\r\n"));
    OutputStream out = socket.getOutputStream();
    out.write(request.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1));
    out.flush();
    DataInputStream in = new DataInputStream(new BufferedInputStream(socket.getInputStream()));
    socket.setSoTimeout(30_000);
    int status = Integer.parseInt(line(in).split(" ", 3)[1]);
    Map<String, String> answer = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    for (String line = line(in); !line.isEmpty(); line = line(in)) {
      int colon = line.indexOf(':');
      answer.put(
          line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).strip());
    }
    String body = "";
    if (status != 101) {
      int length = Integer.parseInt(answer.getOrDefault("content-length", "-1"));
      if (length < 0 && "chunked".equals(answer.get("transfer-encoding"))) {
        length = Integer.parseInt(line(in), 16);
      }
      body =
          new String(
              length < 0 ? in.readAllBytes() : in.readNBytes(length), StandardCharsets.UTF_8);
    }
    socket.setSoTimeout(0);
    return new RawClient(socket, in, out, status, answer, body);
  }

  private static String line(InputStream in) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    int b;
    while ((b = in.read()) != '\n') {
      if (b < 0) {
        throw new EOFException("after " + line);
      }
      if (b != '\r') {
        line.write(b);
      }
    }
    return line.toString(StandardCharsets.ISO_8859_1);
  }

  static String config(String json) {
    return Base64.getEncoder().encodeToString(json.getBytes(StandardCharsets.UTF_8));
  }

  int status() {
    return status;
  }

  Map<String, String> headers() {
    return headers;
  }

  String body() {
    return body;
  }

  String sandbox() {
    return headers.getOrDefault("x-deno-sandbox-id", "");
  }

  /** Reads all that comes, from now on. */
  RawClient reading() {
    if (status != 101) {
      throw new AssertionError(status + " " + body);
    }
    Thread.ofVirtual().start(this::read);
    return this;
  }

  private void read() {
    try {
      ByteArrayOutputStream message = new ByteArrayOutputStream();
      while (true) {
        int first = in.readUnsignedByte();
        long length = in.readUnsignedByte() & 0x7f;
        if (length == 126) {
          length = in.readUnsignedShort();
        } else if (length == 127) {
          length = in.readLong();
        }
        byte[] payload = in.readNBytes((int) length);
        int opcode = first & 0xf;
        if (opcode == CLOSE) {
          closed.complete(payload.length < 2 ? 1005 : ByteBuffer.wrap(payload).getShort() & 0xffff);
        } else if (opcode == 0 || opcode == TEXT) {
          message.write(payload);
          if ((first & 0x80) != 0) {
            received(message.toString(StandardCharsets.UTF_8));
            message.reset();
          }
        }
      }
    } catch (IOException e) {
      closed.complete(1006);
      waiting.values().forEach(answer -> answer.completeExceptionally(e));
      streams.values().forEach(stream -> stream.end.complete("gone"));
    }
  }

  private void received(String text) {
    if (text.equals("pong")) {
      pongs.add(System.nanoTime());
      return;
    }
    JsonNode node = JSON.readTree(text);
    JsonNode id = node.get("id");
    if (id != null) {
      answers.computeIfAbsent(id.toString(), key -> new AtomicInteger()).incrementAndGet();
      CompletableFuture<JsonNode> answer = waiting.remove(id.toString());
      if (answer != null) {
        answer.complete(node);
      } else {
        strangers.add(node);
      }
      return;
    }
    long stream = node.path("params").path("streamId").asLong(-1);
    switch (node.get("method").stringValue()) {
      case "$sandbox.stream.start" -> stream(stream);
      case "$sandbox.stream.enqueue" ->
          stream(stream)
              .bytes
              .addAndGet(
                  Base64.getDecoder().decode(node.get("params").get("data").stringValue()).length);
      case "$sandbox.stream.end" -> stream(stream).end.complete("end");
      case "$sandbox.stream.error" ->
          stream(stream).end.complete(node.get("params").get("error").get("message").stringValue());
      default -> notices.add(node);
    }
  }

  Received stream(long id) {
    return streams.computeIfAbsent(
        id, key -> new Received(new AtomicLong(), new CompletableFuture<>()));
  }

  /** A request; its answer as it stands on the wire. */
  CompletableFuture<JsonNode> request(String method, String params) throws IOException {
    return request("" + nextId.getAndIncrement(), method, params);
  }

  /** A request whose id is that JSON. */
  CompletableFuture<JsonNode> request(String id, String method, String params) throws IOException {
    CompletableFuture<JsonNode> answer = new CompletableFuture<>();
    waiting.put(id, answer);
    send(
        "{\"jsonrpc\":\"2.0\",\"id\":"
            + id
            + ",\"method\":"
            + JSON.writeValueAsString(method)
            + ",\"params\":"
            + params
            + "}");
    return answer;
  }

  /** The result of a request, which must come within 30 s. */
  JsonNode call(String method, String params) throws Exception {
    return request(method, params).get(30, TimeUnit.SECONDS);
  }

  /** What a request that succeeds says. */
  JsonNode ok(String method, String params) throws Exception {
    JsonNode answer = call(method, params);
    JsonNode ok = answer.path("result").get("ok");
    if (ok == null) {
      throw new AssertionError(method + ": " + answer);
    }
    return ok;
  }

  void tell(String method, String params) throws IOException {
    send("{\"jsonrpc\":\"2.0\",\"method\":\"" + method + "\",\"params\":" + params + "}");
  }

  void enqueue(long stream, byte[] bytes) throws IOException {
    tell(
        "$sandbox.stream.enqueue",
        "{\"streamId\":"
            + stream
            + ",\"data\":\""
            + Base64.getEncoder().encodeToString(bytes)
            + "\"}");
  }

  void send(String text) throws IOException {
    frame(TEXT, true, text.getBytes(StandardCharsets.UTF_8));
  }

  void sendBinary(byte[] bytes) throws IOException {
    frame(BINARY, true, bytes);
  }

  /** Begins to close, as clients do; the server answers with a {@link #closeCode}. */
  void sendClose() throws IOException {
    frame(CLOSE, true, new byte[] {1000 >> 8, (byte) 1000});
  }

  void sendPing() throws IOException {
    frame(PING, true, new byte[] {1});
  }

  /** A frame as it is; the mask is zero. */
  synchronized void frame(int opcode, boolean last, byte[] payload) throws IOException {
    ByteBuffer head = ByteBuffer.allocate(14);
    head.put((byte) ((last ? 0x80 : 0) | opcode));
    if (payload.length < 126) {
      head.put((byte) (0x80 | payload.length));
    } else if (payload.length < 65_536) {
      head.put((byte) (0x80 | 126)).putShort((short) payload.length);
    } else {
      head.put((byte) (0x80 | 127)).putLong(payload.length);
    }
    head.putInt(0);
    byte[] all = new byte[head.position() + payload.length];
    System.arraycopy(head.array(), 0, all, 0, head.position());
    System.arraycopy(payload, 0, all, head.position(), payload.length);
    out.write(all);
    out.flush();
  }

  /** How often a request of that id was answered. */
  int answers(String id) {
    AtomicInteger count = answers.get(id);
    return count == null ? 0 : count.get();
  }

  LinkedBlockingQueue<JsonNode> notices() {
    return notices;
  }

  LinkedBlockingQueue<JsonNode> strangers() {
    return strangers;
  }

  /** Says ping; milliseconds until the answer. */
  long ping() throws Exception {
    pongs.clear();
    long began = System.nanoTime();
    send("ping");
    Long at = pongs.poll(30, TimeUnit.SECONDS);
    if (at == null) {
      throw new AssertionError("no pong");
    }
    return (at - began) / 1_000_000;
  }

  /** Waits until all that was sent has been read, or the socket is closed. */
  void settle() throws IOException {
    pongs.clear();
    send("ping");
    try {
      while (pongs.isEmpty() && !closed.isDone()) {
        Thread.sleep(1);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** The code that the socket was closed with; 1006 where it just broke. */
  int closeCode() throws Exception {
    return closed.get(30, TimeUnit.SECONDS);
  }

  boolean isClosed() {
    return closed.isDone();
  }

  /** Vanishes: the other side is sent a TCP reset. */
  void reset() throws IOException {
    socket.setSoLinger(true, 0);
    socket.close();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
