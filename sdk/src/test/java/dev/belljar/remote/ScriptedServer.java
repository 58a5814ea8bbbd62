package dev.belljar.remote;

import dev.belljar.Endpoint;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A server on the loopback that answers as a test says: handshakes and requests by a function,
 * messages by a {@link Script} or by hand.
 */
final class ScriptedServer implements AutoCloseable {
  static final String ID = "sbx_loc_0123456789abcdefghjk";
  static final String TOKEN = "ddo_secret0123456789";

  private final ServerSocket listener;
  private final List<java.net.Socket> sockets = new CopyOnWriteArrayList<>();
  final BlockingQueue<Request> requests = new LinkedBlockingQueue<>();
  private final BlockingQueue<Peer> peers = new LinkedBlockingQueue<>();
  private volatile Function<Request, Answer> http = request -> Answer.of(404, "{}");
  private volatile Map<String, String> handshakeHeaders =
      Map.of("x-deno-sandbox-id", ID, "x-deno-trace-id", "trace-1");
  private volatile Script script = (peer, method, params) -> null;

  /** What a call is answered with; null leaves it to the test. */
  interface Script {
    @org.jspecify.annotations.Nullable
    JsonNode answer(Peer peer, String method, JsonNode params) throws IOException;
  }

  record Request(String method, String path, Map<String, String> headers, String body) {}

  record Answer(int status, Map<String, String> headers, String body) {
    static Answer of(int status, String body) {
      return new Answer(status, Map.of("x-deno-trace-id", "trace-2"), body);
    }
  }

  ScriptedServer() throws IOException {
    listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Thread.ofVirtual().start(this::accept);
  }

  Endpoint endpoint() {
    return Endpoint.of("http://127.0.0.1:" + listener.getLocalPort(), TOKEN);
  }

  ScriptedServer http(Function<Request, Answer> answers) {
    http = answers;
    return this;
  }

  ScriptedServer script(Script answers) {
    script = answers;
    return this;
  }

  /** Is Belljar's. */
  ScriptedServer belljar() {
    Map<String, String> headers = new TreeMap<>(handshakeHeaders);
    headers.put("x-belljar-version", "1");
    return handshake(headers);
  }

  ScriptedServer handshake(Map<String, String> headers) {
    handshakeHeaders = headers;
    return this;
  }

  /** The next socket that was opened. */
  Peer peer() throws InterruptedException {
    Peer peer = peers.poll(10, TimeUnit.SECONDS);
    if (peer == null) {
      throw new AssertionError("nobody connected");
    }
    return peer;
  }

  @Override
  public void close() throws IOException {
    listener.close();
    for (java.net.Socket socket : sockets) {
      socket.close();
    }
  }

  private void accept() {
    while (true) {
      try {
        java.net.Socket socket = listener.accept();
        sockets.add(socket);
        Thread.ofVirtual().start(() -> serve(socket));
      } catch (IOException e) {
        return;
      }
    }
  }

  private void serve(java.net.Socket socket) {
    try (socket) {
      socket.setTcpNoDelay(true);
      DataInputStream in = new DataInputStream(new BufferedInputStream(socket.getInputStream()));
      while (true) {
        Request request = read(in);
        requests.add(request);
        Answer refused = http.apply(request);
        boolean upgrade = request.headers.containsKey("upgrade");
        if (upgrade && refused.status == 404 && refused.body.equals("{}")) {
          talk(socket, in, request);
          return;
        }
        write(socket.getOutputStream(), refused);
      }
    } catch (IOException e) {
      // The client left.
    }
  }

  private void talk(java.net.Socket socket, DataInputStream in, Request request)
      throws IOException {
    StringBuilder head = new StringBuilder("HTTP/1.1 101 Switching Protocols\r\n");
    head.append("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ")
        .append(accept(request.headers.getOrDefault("sec-websocket-key", "")))
        .append("\r\n");
    handshakeHeaders.forEach(
        (name, value) -> head.append(name).append(": ").append(value).append("\r\n"));
    socket
        .getOutputStream()
        .write(head.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1));
    Peer peer = new Peer(socket, request);
    peers.add(peer);
    peer.receive(in, script);
  }

  private static Request read(DataInputStream in) throws IOException {
    String[] first = line(in).split(" ", -1);
    Map<String, String> headers = new TreeMap<>();
    for (String line = line(in); !line.isEmpty(); line = line(in)) {
      int colon = line.indexOf(':');
      headers.put(
          line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).strip());
    }
    byte[] body = new byte[Integer.parseInt(headers.getOrDefault("content-length", "0"))];
    in.readFully(body);
    return new Request(first[0], first[1], headers, new String(body, StandardCharsets.UTF_8));
  }

  private static String line(DataInputStream in) throws IOException {
    StringBuilder line = new StringBuilder();
    int c;
    while ((c = in.readUnsignedByte()) != '\n') {
      if (c != '\r') {
        line.append((char) c);
      }
    }
    return line.toString();
  }

  private static void write(OutputStream out, Answer answer) throws IOException {
    byte[] body = answer.body.getBytes(StandardCharsets.UTF_8);
    StringBuilder head = new StringBuilder("HTTP/1.1 " + answer.status + " Said\r\n");
    answer.headers.forEach(
        (name, value) -> head.append(name).append(": ").append(value).append("\r\n"));
    head.append("Content-Length: ").append(body.length).append("\r\n\r\n");
    out.write(head.toString().getBytes(StandardCharsets.ISO_8859_1));
    out.write(body);
  }

  private static String accept(String key) {
    try {
      return Base64.getEncoder()
          .encodeToString(
              MessageDigest.getInstance("SHA-1")
                  .digest(
                      (key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
                          .getBytes(StandardCharsets.US_ASCII)));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  /** One socket, seen from the server. */
  static final class Peer {
    private boolean announced;
    private static final int TEXT = 1;
    private static final int BINARY = 2;
    private static final int CLOSE = 8;

    private final java.net.Socket socket;
    final Request request;
    final BlockingQueue<JsonNode> messages = new LinkedBlockingQueue<>();
    final BlockingQueue<Integer> closes = new LinkedBlockingQueue<>();

    /** Who holds it keeps this end from reading frames. */
    final Semaphore reading = new Semaphore(1);

    Peer(java.net.Socket socket, Request request) {
      this.socket = socket;
      this.request = request;
    }

    /** The configuration that came with the handshake. */
    JsonNode config() {
      String header = request.headers.getOrDefault(Server.CONFIG, "");
      return Json.read(new String(Base64.getDecoder().decode(header), StandardCharsets.UTF_8));
    }

    /** The next message that the script did not answer. */
    JsonNode next() throws InterruptedException {
      JsonNode message = messages.poll(10, TimeUnit.SECONDS);
      if (message == null) {
        throw new AssertionError("no message came");
      }
      return message;
    }

    /** The next message of that method; others are passed over. */
    JsonNode next(String method) throws InterruptedException {
      JsonNode message = next();
      while (!message.path("method").asString("").equals(method)) {
        message = next();
      }
      return message;
    }

    void ok(JsonNode request, Object value) throws IOException {
      ObjectNode result = Json.object();
      result.set("ok", Json.of(value));
      answer(request, result);
    }

    void error(JsonNode request, String constructorName, String message, String code)
        throws IOException {
      ObjectNode error = Json.object("constructorName", constructorName).put("message", message);
      error.set("code", Json.of(code.isEmpty() ? null : code));
      fail(request, error);
    }

    void fail(JsonNode request, Object error) throws IOException {
      ObjectNode result = Json.object();
      result.set("error", Json.of(error));
      answer(request, result);
    }

    void start(long stream) throws IOException {
      stream("start", stream, "");
    }

    void enqueue(long stream, byte[] bytes) throws IOException {
      stream("enqueue", stream, ",\"data\":\"" + Base64.getEncoder().encodeToString(bytes) + "\"");
    }

    void end(long stream) throws IOException {
      stream("end", stream, "");
    }

    void stream(String what, long stream, String more) throws IOException {
      send(
          "{\"jsonrpc\":\"2.0\",\"method\":\"$sandbox.stream."
              + what
              + "\",\"params\":{\"streamId\":"
              + stream
              + more
              + "}}");
    }

    void send(String text) throws IOException {
      frame(TEXT, text.getBytes(StandardCharsets.UTF_8));
    }

    void sendBinary() throws IOException {
      frame(BINARY, new byte[] {1});
    }

    void close(int code, String reason) throws IOException {
      byte[] text = reason.getBytes(StandardCharsets.UTF_8);
      byte[] payload = new byte[2 + text.length];
      payload[0] = (byte) (code >> 8);
      payload[1] = (byte) code;
      System.arraycopy(text, 0, payload, 2, text.length);
      frame(CLOSE, payload);
    }

    /** Bytes that came and were not read. */
    int unread() throws IOException {
      return socket.getInputStream().available();
    }

    /** Without a good-bye. */
    void cut() throws IOException {
      socket.close();
    }

    /** The head of a text that never comes. From here on only raw bytes are sent. */
    synchronized void announce(long length) throws IOException {
      announced = true;
      OutputStream out = socket.getOutputStream();
      out.write(head(TEXT, length));
      out.flush();
    }

    synchronized void raw(byte[] bytes) throws IOException {
      socket.getOutputStream().write(bytes);
    }

    private void answer(JsonNode request, ObjectNode result) throws IOException {
      ObjectNode answer = Json.object("jsonrpc", "2.0");
      answer.set("id", request.path("id"));
      answer.set("result", result);
      send(answer.toString());
    }

    private synchronized void frame(int opcode, byte[] payload) throws IOException {
      if (announced) {
        // It would be taken for a part of the text.
        return;
      }
      OutputStream out = socket.getOutputStream();
      byte[] head = head(opcode, payload.length);
      byte[] all = new byte[head.length + payload.length];
      System.arraycopy(head, 0, all, 0, head.length);
      System.arraycopy(payload, 0, all, head.length, payload.length);
      out.write(all);
    }

    private static byte[] head(int opcode, long length) {
      java.nio.ByteBuffer head = java.nio.ByteBuffer.allocate(10);
      head.put((byte) (0x80 | opcode));
      if (length < 126) {
        head.put((byte) length);
      } else if (length < 65_536) {
        head.put((byte) 126).putShort((short) length);
      } else {
        head.put((byte) 127).putLong(length);
      }
      return java.util.Arrays.copyOf(head.array(), head.position());
    }

    private void receive(DataInputStream in, Script script) throws IOException {
      java.io.ByteArrayOutputStream text = new java.io.ByteArrayOutputStream();
      while (true) {
        reading.acquireUninterruptibly();
        reading.release();
        int first = in.readUnsignedByte();
        int second = in.readUnsignedByte();
        long length = second & 0x7f;
        if (length == 126) {
          length = in.readUnsignedShort();
        } else if (length == 127) {
          length = in.readLong();
        }
        byte[] mask = new byte[4];
        in.readFully(mask);
        byte[] payload = new byte[(int) length];
        in.readFully(payload);
        for (int i = 0; i < payload.length; i++) {
          payload[i] ^= mask[i & 3];
        }
        if ((first & 0xf) == CLOSE) {
          closes.add(payload.length < 2 ? 1005 : ((payload[0] & 0xff) << 8) | (payload[1] & 0xff));
          frame(CLOSE, payload);
          return;
        }
        text.write(payload);
        if ((first & 0x80) != 0) {
          message(text.toString(StandardCharsets.UTF_8), script);
          text.reset();
        }
      }
    }

    private void message(String text, Script script) throws IOException {
      if (text.equals("ping")) {
        send("pong");
        return;
      }
      JsonNode message = Json.read(text);
      JsonNode answer =
          script.answer(this, message.path("method").asString(""), message.path("params"));
      if (answer == null) {
        messages.add(message);
      } else {
        ok(message, answer);
      }
    }
  }
}
