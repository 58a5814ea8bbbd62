package dev.belljar.remote;

import dev.belljar.BelljarException;
import dev.belljar.Endpoint;
import dev.belljar.SandboxClosedException;
import dev.belljar.SandboxInfo;
import dev.belljar.SandboxUnavailableException;
import java.io.IOException;
import java.net.CookieHandler;
import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A server as one sandbox (or one listing) sees it: plain requests and the handshake of a socket.
 * Owns its HTTP client, whose threads are daemons and end with {@link #close}.
 */
@SuppressWarnings("FutureReturnValueIgnored") // what hangs on its futures cannot fail
final class Server implements AutoCloseable {
  static final String CONFIG = "x-deno-sandbox-config";
  private static final String SANDBOX_ID = "x-deno-sandbox-id";
  private static final String TRACE_ID = "x-deno-trace-id";
  private static final String BELLJAR_VERSION = "x-belljar-version";

  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(20);
  private static final Duration REQUEST_TIMEOUT = Duration.ofSeconds(30);

  /** A first machine, or a first bootable volume, may have to wait for the image. */
  private static final Duration HANDSHAKE_TIMEOUT = Duration.ofMinutes(10);

  /** Of what a server says in words. */
  private static final int LONGEST_TEXT = 16 << 10;

  private static final int MOST_PAGES = 1000;
  private static final Pattern NEXT_PAGE =
      Pattern.compile("<[^<>]*[?&]cursor=([^&<>]+)[^<>]*>\\s*;\\s*rel=\"?next\"?");

  private final Endpoint endpoint;
  private final ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor();
  private final HandshakeHeaders handshakeHeaders = new HandshakeHeaders();
  private final HttpClient client;

  Server(Endpoint endpoint) {
    this.endpoint = endpoint;
    HttpClient.Builder builder =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(CONNECT_TIMEOUT)
            .cookieHandler(handshakeHeaders)
            .executor(executor);
    if (isPlain(endpoint.sandboxes()) && isPlain(endpoint.management())) {
      builder.sslContext(new NoTls());
    }
    client = builder.build();
  }

  private static boolean isPlain(URI uri) {
    return !"https".equalsIgnoreCase(uri.getScheme());
  }

  /** The host and port, for messages. */
  String name() {
    return endpoint.sandboxes().getAuthority();
  }

  /**
   * What the server said of a socket when it opened it.
   *
   * @param sandboxId the sandbox's id
   * @param belljar whether the server is Belljar's, which understands more than the protocol has
   */
  record Handshake(String sandboxId, boolean belljar, Optional<String> traceId) {}

  /** A socket that has been opened. */
  record Opened(Socket socket, Handshake handshake) {}

  Opened create(ObjectNode config) {
    String header =
        java.util.Base64.getEncoder()
            .encodeToString(config.toString().getBytes(StandardCharsets.UTF_8));
    return open("/api/v3/sandboxes/create", Optional.of(header));
  }

  Opened connect(String id) {
    return open("/api/v3/sandbox/" + id + "/connect", Optional.empty());
  }

  /** What Belljar's server knows of a sandbox. */
  Reply describe(String id) {
    return json("the description of " + id, send(request(sandbox(id)).GET().build()));
  }

  /** Destroys a sandbox; one that has ended already is fine. */
  void delete(String id) {
    try {
      send(request(sandbox(id)).DELETE().build());
    } catch (SandboxClosedException e) {
      // What was wanted.
    }
  }

  /** Asks for another end of a sandbox's life; gives the server's answer. */
  Reply extend(String id, long stopAtMillis) {
    String body = Json.object().put("stop_at_ms", stopAtMillis).toString();
    HttpRequest request =
        request(sandbox(id))
            .header("Content-Type", "application/json")
            .method("PATCH", HttpRequest.BodyPublishers.ofString(body))
            .build();
    return json("the extension of " + id, send(request));
  }

  /** Has Belljar's server do something with a sandbox, which may take as long as making one. */
  Reply command(String id, String verb, ObjectNode body) {
    HttpRequest request =
        request(URI.create(sandbox(id) + "/" + verb))
            .timeout(HANDSHAKE_TIMEOUT)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body.toString()))
            .build();
    return json("the answer to " + verb + " of " + id, send(request));
  }

  List<SandboxInfo> list(Map<String, String> labels) {
    String query =
        labels.entrySet().stream()
            .map(
                label -> "labels%5B" + encoded(label.getKey()) + "%5D=" + encoded(label.getValue()))
            .collect(Collectors.joining("&"));
    List<SandboxInfo> found = new ArrayList<>();
    Optional<String> cursor = Optional.of("");
    for (int page = 0; page < MOST_PAGES && cursor.isPresent(); page++) {
      String whole = query + (cursor.get().isEmpty() ? "" : "&cursor=" + cursor.get());
      HttpResponse<String> response =
          send(request(endpoint.management().resolve("/api/v2/sandboxes?" + whole)).GET().build());
      json("the list of sandboxes", response).list().forEach(entry -> found.add(info(entry)));
      cursor = nextPage(response);
    }
    return List.copyOf(found);
  }

  /**
   * Asks the management API. What is made by POST may take as long as making a sandbox.
   *
   * @param method of HTTP
   * @param body empty for none
   * @param refusal what an answer that says no is
   */
  HttpResponse<String> manage(
      String method,
      String pathAndQuery,
      Optional<ObjectNode> body,
      Function<Refusal, BelljarException> refusal) {
    HttpRequest.Builder request =
        request(endpoint.management().resolve(pathAndQuery))
            .timeout(method.equals("POST") ? HANDSHAKE_TIMEOUT : REQUEST_TIMEOUT);
    if (body.isPresent()) {
      request
          .header("Content-Type", "application/json")
          .method(method, HttpRequest.BodyPublishers.ofString(body.get().toString()));
    } else {
      request.method(method, HttpRequest.BodyPublishers.noBody());
    }
    return send(request.build(), refusal);
  }

  /** The cursor of the page behind an answer, as it stands in a URL. */
  private static Optional<String> nextPage(HttpResponse<String> response) {
    return response
        .headers()
        .firstValue("link")
        .map(NEXT_PAGE::matcher)
        .filter(Matcher::find)
        .map(link -> link.group(1));
  }

  /** The cursor of the page behind an answer. */
  Optional<String> nextCursor(HttpResponse<String> response) {
    try {
      return nextPage(response).map(text -> URLDecoder.decode(text, StandardCharsets.UTF_8));
    } catch (IllegalArgumentException e) {
      throw new SandboxUnavailableException(
          "The server at " + name() + " named a next page that cannot be asked for.", e);
    }
  }

  /** What a server said, fit for a message: not endless, and without what must stay secret. */
  String clean(String text) {
    String bounded = text.length() > LONGEST_TEXT ? text.substring(0, LONGEST_TEXT) + "…" : text;
    return bounded.replace(endpoint.token(), "…");
  }

  /** Ends what is under way; requests after it fail. */
  @Override
  public void close() {
    client.shutdownNow();
    executor.shutdownNow();
  }

  private static SandboxInfo info(Reply entry) {
    return new SandboxInfo(
        entry.text("id"),
        entry.time("createdAt"),
        entry.optionalTime("stoppedAt"),
        entry.optionalText("region").orElse(""),
        entry.optionalText("status").orElse(""),
        entry.member("labels").absent() ? Map.of() : entry.member("labels").texts());
  }

  private Opened open(String path, Optional<String> config) {
    URI http = endpoint.sandboxes().resolve(path);
    String scheme = http.getScheme().toLowerCase(Locale.ROOT).equals("https") ? "wss" : "ws";
    URI uri = URI.create(scheme + "://" + http.getRawAuthority() + http.getRawPath());
    Socket socket = new Socket();
    WebSocket.Builder builder =
        client
            .newWebSocketBuilder()
            .connectTimeout(HANDSHAKE_TIMEOUT)
            .header("Authorization", "Bearer " + endpoint.token());
    endpoint.org().ifPresent(org -> builder.header("X-Deno-Org", org));
    config.ifPresent(value -> builder.header(CONFIG, value));
    CompletableFuture<WebSocket> opening = builder.buildAsync(uri, socket);
    try {
      opening.get(HANDSHAKE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw given(
          opening, new BelljarException("Interrupted while waiting for " + name() + ".", e));
    } catch (TimeoutException e) {
      throw given(opening, unreachable("it did not answer in " + HANDSHAKE_TIMEOUT, e));
    } catch (ExecutionException e) {
      if (e.getCause() instanceof WebSocketHandshakeException refused) {
        HttpResponse<?> response = refused.getResponse();
        throw refusal(response, response.body() instanceof String text ? text : "").ofSandbox();
      }
      throw unreachable(reason(e), e);
    }
    Optional<String> id = handshakeHeaders.value(SANDBOX_ID);
    if (id.isEmpty()) {
      socket.abort();
      throw new SandboxUnavailableException(
          "The server at " + name() + " opened a socket without saying for which sandbox.");
    }
    return new Opened(
        socket,
        new Handshake(
            clean(id.get()),
            handshakeHeaders.value(BELLJAR_VERSION).isPresent(),
            handshakeHeaders.value(TRACE_ID).map(this::clean)));
  }

  /** Gives up on a handshake; a socket that comes all the same is closed. */
  private static BelljarException given(
      CompletableFuture<WebSocket> opening, BelljarException failure) {
    opening.thenAccept(WebSocket::abort);
    return failure;
  }

  private URI sandbox(String id) {
    return endpoint.sandboxes().resolve("/api/v3/sandbox/" + id);
  }

  private HttpRequest.Builder request(URI uri) {
    HttpRequest.Builder builder =
        HttpRequest.newBuilder(uri)
            .timeout(REQUEST_TIMEOUT)
            .header("Authorization", "Bearer " + endpoint.token());
    endpoint.org().ifPresent(org -> builder.header("X-Deno-Org", org));
    return builder;
  }

  private HttpResponse<String> send(HttpRequest request) {
    return send(request, Refusal::ofSandbox);
  }

  private HttpResponse<String> send(
      HttpRequest request, Function<Refusal, BelljarException> refusal) {
    try {
      HttpResponse<String> response =
          client.send(
              request,
              HttpResponse.BodyHandlers.limiting(
                  HttpResponse.BodyHandlers.ofString(), Socket.MAX_MESSAGE));
      if (response.statusCode() / 100 != 2) {
        throw refusal.apply(refusal(response, response.body()));
      }
      return response;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BelljarException("Interrupted while waiting for " + name() + ".", e);
    } catch (IOException e) {
      throw unreachable(reason(e), e);
    }
  }

  /** The JSON of an answer to a call. */
  Reply json(String what, HttpResponse<String> response) {
    try {
      return new Reply(what, Json.read(response.body()));
    } catch (JacksonException e) {
      throw new SandboxUnavailableException(
          "The server at " + name() + " answered something that is not JSON" + trace(response), e);
    }
  }

  private SandboxUnavailableException unreachable(String reason, Exception cause) {
    return new SandboxUnavailableException(
        "The server at " + name() + " cannot be reached: " + clean(reason), cause);
  }

  private Refusal refusal(HttpResponse<?> response, String body) {
    String code = "";
    String message = "";
    try {
      JsonNode json = Json.read(body);
      code = clean(json.path("code").asString(""));
      message = clean(json.path("message").asString(""));
    } catch (JacksonException e) {
      // A proxy's page, or nothing.
    }
    int status = response.statusCode();
    String said =
        "The server at "
            + name()
            + " says: "
            + (message.isEmpty() ? "HTTP status " + status : message)
            + " ("
            + (code.isEmpty() ? "" : code + ", ")
            + "status "
            + status
            + ")"
            + trace(response);
    boolean belljar = response.headers().firstValue(BELLJAR_VERSION).isPresent();
    return new Refusal(status, code, said, belljar);
  }

  /** What whoever runs the server needs to find the request again; ends the sentence. */
  private String trace(HttpResponse<?> response) {
    return response
        .headers()
        .firstValue(TRACE_ID)
        .map(id -> ", trace id " + clean(id) + ".")
        .orElse(".");
  }

  private static String reason(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root.getMessage() == null ? root.getClass().getSimpleName() : root.getMessage();
  }

  /** A text as it stands in a query. */
  static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  /**
   * The headers of the socket's handshake. The JDK's WebSocket does not hand them out, but its
   * client shows the headers of every answer to the keeper of its cookies.
   */
  private static final class HandshakeHeaders extends CookieHandler {
    private volatile Map<String, List<String>> headers = Map.of();

    @Override
    public Map<String, List<String>> get(URI uri, Map<String, List<String>> request) {
      return Map.of();
    }

    @Override
    public void put(URI uri, Map<String, List<String>> response) {
      if (uri.getPath().endsWith("/create") || uri.getPath().endsWith("/connect")) {
        headers = Map.copyOf(response);
      }
    }

    Optional<String> value(String name) {
      return headers.entrySet().stream()
          .filter(header -> header.getKey().equalsIgnoreCase(name))
          .flatMap(header -> header.getValue().stream())
          .findFirst();
    }
  }
}
