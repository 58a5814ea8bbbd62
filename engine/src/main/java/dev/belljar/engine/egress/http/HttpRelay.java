package dev.belljar.engine.egress.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.belljar.engine.streams.ReadAhead;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.SequenceInputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.zip.GZIPInputStream;
import java.util.zip.InflaterInputStream;
import org.jspecify.annotations.Nullable;

/**
 * HTTP/1 between a guest and a server, understood message by message and written anew, so that both
 * sides agree on where each one ends. One thread carries requests, another one responses; each
 * holds a buffer and what {@link Rules#heldBody} asks for.
 */
public final class HttpRelay {
  private static final int LARGEST_REQUEST_HEAD = 64 << 10;
  private static final int LARGEST_RESPONSE_HEAD = 256 << 10;

  /** Requests that a guest may send ahead of their answers. */
  private static final int PIPELINED = 16;

  /** A response that says its length is held up to here, so that the changed one says its own. */
  private static final int HELD_RESPONSE = 1 << 20;

  /** Read while the guest still decodes what came before. */
  private static final int READ_AHEAD = 128 << 10;

  private static final int LARGEST_UNPACKED = 8 * HELD_RESPONSE;

  private final HttpInput guestIn;
  private final OutputStream guestOut;
  private final HttpInput serverIn;
  private final OutputStream serverOut;
  private final Rules rules;
  private final BlockingQueue<Exchange> exchanges = new ArrayBlockingQueue<>(PIPELINED);
  private volatile @Nullable Exchange answering;

  /** Between two connections, none of whose bytes were carried yet. */
  public HttpRelay(
      InputStream guestIn,
      OutputStream guestOut,
      InputStream serverIn,
      OutputStream serverOut,
      Rules rules) {
    this.guestIn = new HttpInput(guestIn);
    this.guestOut = guestOut;
    this.serverIn = new HttpInput(serverIn);
    this.serverOut = serverOut;
    this.rules = rules;
  }

  /** A request that waits for its response. */
  private static final class Exchange {
    final String method;
    final int version;
    final boolean upgrades;
    final CompletableFuture<Boolean> switched = new CompletableFuture<>();

    Exchange(Request request) {
      method = request.method();
      version = request.version();
      upgrades = request.asksForUpgrade();
    }
  }

  /**
   * Carries requests until the guest sends no more.
   *
   * @return why one was refused, after the guest was told where it could be; empty where none was
   */
  public Optional<String> carryRequests() throws IOException, InterruptedException {
    while (true) {
      Request request;
      Optional<String> refusal;
      try {
        byte[] bytes = guestIn.readHead(LARGEST_REQUEST_HEAD);
        if (bytes == null) {
          return Optional.empty();
        }
        request = Request.parse(bytes);
        refusal = rules.refusal(request);
        Framing.ofRequest(request.head());
      } catch (HttpFormatException e) {
        return refused(400, "a request cannot be read: " + e.getMessage());
      }
      if (refusal.isPresent()) {
        return refused(403, refusal.get());
      }
      Exchange exchange = new Exchange(request);
      exchanges.put(exchange);
      forward(request);
      if (exchange.upgrades && switched(exchange)) {
        BodyOutput.copy(guestIn, serverOut);
        return Optional.empty();
      }
    }
  }

  /** Carries responses until the server sends no more, or none can follow. */
  public void carryResponses() throws IOException {
    try {
      while (carryResponse()) {
        // The next one.
      }
    } finally {
      // Who waits for another protocol waits in vain.
      Exchange last = answering;
      if (last != null) {
        last.switched.complete(false);
      }
      exchanges.forEach(exchange -> exchange.switched.complete(false));
    }
  }

  /** Tells the guest that there is no answer to what it will ask, and why. */
  public void answerAll(int status, String reason) throws IOException {
    if (guestIn.readHead(LARGEST_REQUEST_HEAD) != null) {
      tell(status, reason);
    }
  }

  private static boolean switched(Exchange exchange) throws InterruptedException {
    try {
      return exchange.switched.get();
    } catch (ExecutionException e) {
      throw new AssertionError("it only ever completes", e);
    }
  }

  private void forward(Request request) throws IOException, InterruptedException {
    Request outgoing = rules.outgoing(request);
    Framing framing = Framing.ofRequest(request.head());
    HttpInput.Body body = guestIn.body(framing);
    int limit = rules.heldBody(request);
    if (limit > 0 && !(framing instanceof Framing.None)) {
      if (request.head().words("Expect").contains("100-continue")) {
        tellToContinue();
        outgoing = outgoing.with(outgoing.head().without(field -> field.is("Expect")));
      }
      byte[] held;
      rules.requestsHeld().acquire();
      try {
        held = body.readNBytes(limit + 1);
        if (held.length <= limit) {
          byte[] changed = rules.outgoingBody(request, held);
          MessageHead head =
              outgoing
                  .head()
                  .without(field -> field.is("Content-Length") || field.is("Transfer-Encoding"))
                  .with("Content-Length", Integer.toString(changed.length));
          serverOut.write(joined(head.toBytes(), changed));
          serverOut.flush();
          return;
        }
      } finally {
        rules.requestsHeld().release();
      }
      // Too large to be changed.
      serverOut.write(outgoing.head().toBytes());
      copyBody(
          new SequenceInputStream(new ByteArrayInputStream(held), body), body, framing, serverOut);
      return;
    }
    serverOut.write(outgoing.head().toBytes());
    serverOut.flush();
    copyBody(body, body, framing, serverOut);
  }

  private void tellToContinue() throws IOException {
    guestOut.write("HTTP/1.1 100 Continue\r\n\r\n".getBytes(ISO_8859_1));
    guestOut.flush();
  }

  private static void copyBody(
      InputStream bytes, HttpInput.Body body, Framing framing, OutputStream out)
      throws IOException {
    if (framing instanceof Framing.Chunked) {
      BodyOutput.copyAsChunks(bytes, out);
      BodyOutput.endChunks(body.trailers(), out);
    } else {
      BodyOutput.copy(bytes, out);
    }
  }

  private static byte[] joined(byte[] head, byte[] body) {
    byte[] all = java.util.Arrays.copyOf(head, head.length + body.length);
    System.arraycopy(body, 0, all, head.length, body.length);
    return all;
  }

  // Responses.

  /** Carries one; tells whether another may follow. */
  private boolean carryResponse() throws IOException {
    byte[] bytes = serverIn.readHead(LARGEST_RESPONSE_HEAD);
    if (bytes == null) {
      return false;
    }
    Response response = Response.parse(bytes);
    if (answering == null) {
      answering = exchanges.poll();
    }
    Exchange exchange = answering;
    if (exchange == null) {
      // A server may say that it has waited long enough; nothing can follow that.
      carryBody(response, "GET", 1);
      return false;
    }
    if (response.isInterim()) {
      guestOut.write(changed(response.head()).toBytes());
      guestOut.flush();
      return true;
    }
    answering = null;
    if (response.status() == 101) {
      if (!exchange.upgrades) {
        throw new HttpFormatException("another protocol that nobody asked for");
      }
      guestOut.write(changed(response.head()).toBytes());
      guestOut.flush();
      exchange.switched.complete(true);
      BodyOutput.copy(serverIn, guestOut);
      return false;
    }
    exchange.switched.complete(false);
    return carryBody(response, exchange.method, exchange.version) && response.keepsAlive();
  }

  /** Carries a response's head and body; tells whether its end was seen. */
  private boolean carryBody(Response response, String method, int version) throws IOException {
    Framing framing = Framing.ofResponse(response.head(), method, response.status());
    HttpInput.Body body = serverIn.body(framing);
    boolean empty =
        framing instanceof Framing.None
            || (framing instanceof Framing.Length length && length.bytes() == 0);
    if (!rules.changesResponses() || empty) {
      guestOut.write(changed(response.head()).toBytes());
      guestOut.flush();
      copyBody(body, body, framing, guestOut);
      return !(framing instanceof Framing.UntilClose);
    }
    return carryChanged(response, framing, body, version);
  }

  private boolean carryChanged(Response response, Framing framing, HttpInput.Body body, int version)
      throws IOException {
    Optional<InputStream> plain = decoded(response.head(), body);
    if (plain.isEmpty()) {
      tell(502, "the response is encoded in a way that Belljar cannot look into");
      return false;
    }
    MessageHead head =
        changed(response.head())
            .without(
                field ->
                    field.is("Content-Length")
                        || field.is("Transfer-Encoding")
                        || field.is("Content-Encoding"));
    boolean small = framing instanceof Framing.Length length && length.bytes() <= HELD_RESPONSE;
    // Where many are held, others go on in parts rather than wait for a server that is slow.
    if (small && rules.responsesHeld().tryAcquire()) {
      try {
        return carryHeld(head, plain.get(), body);
      } finally {
        rules.responsesHeld().release();
      }
    }
    ReadAhead ahead = new ReadAhead(plain.get(), READ_AHEAD);
    ahead.start("egress-decode");
    try {
      return carryInParts(head, rules.incoming(ahead), framing, body, version);
    } finally {
      ahead.stop();
    }
  }

  private boolean carryHeld(MessageHead head, InputStream plain, HttpInput.Body body)
      throws IOException {
    byte[] whole = plain.readNBytes(LARGEST_UNPACKED);
    if (whole.length == LARGEST_UNPACKED) {
      tell(502, "the response unpacks to too much");
      return false;
    }
    skipRest(body);
    byte[] held = rules.incoming(whole);
    guestOut.write(
        joined(head.with("Content-Length", Integer.toString(held.length)).toBytes(), held));
    guestOut.flush();
    return true;
  }

  private boolean carryInParts(
      MessageHead head, InputStream bytes, Framing framing, HttpInput.Body body, int version)
      throws IOException {
    if (version == 0 || framing instanceof Framing.UntilClose) {
      guestOut.write(
          head.without(field -> field.is("Connection")).with("Connection", "close").toBytes());
      guestOut.flush();
      BodyOutput.copy(bytes, guestOut);
      return false;
    }
    guestOut.write(head.with("Transfer-Encoding", "chunked").toBytes());
    guestOut.flush();
    BodyOutput.copyAsChunks(bytes, guestOut);
    skipRest(body);
    BodyOutput.endChunks(body.trailers().stream().map(this::changed).toList(), guestOut);
    return true;
  }

  /** What a packed body has behind its end. */
  private static void skipRest(InputStream body) throws IOException {
    body.transferTo(OutputStream.nullOutputStream());
  }

  /** Unpacked where it must be; empty where that is not possible. */
  private static Optional<InputStream> decoded(MessageHead head, InputStream body)
      throws IOException {
    List<String> encodings = new ArrayList<>(head.words("Content-Encoding"));
    encodings.remove("identity");
    if (encodings.isEmpty()) {
      return Optional.of(body);
    }
    return switch (encodings.size() == 1 ? encodings.getFirst() : "") {
      case "gzip", "x-gzip" -> Optional.of(new GZIPInputStream(body));
      case "deflate" -> Optional.of(new InflaterInputStream(body));
      default -> Optional.empty();
    };
  }

  private MessageHead changed(MessageHead head) {
    if (!rules.changesResponses()) {
      return head;
    }
    return new MessageHead(
        rules.incoming(head.startLine()), head.fields().stream().map(this::changed).toList());
  }

  private MessageHead.Field changed(MessageHead.Field field) {
    return new MessageHead.Field(rules.incoming(field.name()), rules.incoming(field.value()));
  }

  // Refusals.

  private Optional<String> refused(int status, String reason) throws IOException {
    // Between other answers it could be taken for one of them.
    if (exchanges.isEmpty() && answering == null) {
      tell(status, reason);
    }
    return Optional.of(reason);
  }

  private static String phrase(int status) {
    return switch (status) {
      case 400 -> "Bad Request";
      case 403 -> "Forbidden";
      default -> "Bad Gateway";
    };
  }

  private void tell(int status, String reason) throws IOException {
    byte[] body = ("Belljar ended this connection: " + reason + ".\n").getBytes(UTF_8);
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.writeBytes(
        new MessageHead(
                "HTTP/1.1 " + status + " " + phrase(status),
                List.of(
                    new MessageHead.Field("Content-Type", "text/plain; charset=utf-8"),
                    new MessageHead.Field("Content-Length", Integer.toString(body.length)),
                    new MessageHead.Field("Connection", "close")))
            .toBytes());
    all.writeBytes(body);
    guestOut.write(all.toByteArray());
    guestOut.flush();
  }
}
