package dev.belljar.server.api;

import dev.belljar.server.observe.LogContext;
import dev.belljar.server.observe.ServerEvents;
import dev.belljar.server.rpc.RpcSocket;
import dev.belljar.server.rpc.SocketLimits;
import dev.belljar.server.sandboxes.HostedSandbox;
import dev.belljar.server.sandboxes.HostedSandbox.Owner;
import dev.belljar.server.sandboxes.RefusedException;
import dev.belljar.server.sandboxes.SandboxRegistry;
import dev.belljar.server.tokens.HostPass;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.websocket.server.ServerUpgradeRequest;
import org.eclipse.jetty.websocket.server.ServerUpgradeResponse;
import org.eclipse.jetty.websocket.server.ServerWebSocketContainer;
import org.jspecify.annotations.Nullable;

/**
 * The handshakes of sockets: one makes a sandbox, the other joins one. What is refused is answered
 * as an ordinary HTTP response.
 */
public final class Handshakes {
  /** Made for Belljar's own client, which may then ask for more than the protocol has. */
  static final String VERSION_HEADER = "x-belljar-version";

  /** Clients say "ping" every two seconds; one that says nothing for so long is gone. */
  private static final Duration IDLE = Duration.ofMinutes(5);

  /** What is read at once, in bytes; held only while something arrives. */
  private static final int INPUT_BUFFER = 64 << 10;

  /** Sockets on one sandbox at the same time. */
  private static final int MOST_SOCKETS = 1000;

  private final Access access;
  private final SandboxRegistry registry;
  private final ServerEvents events;
  private final Answers answers;
  private final SocketLimits limits;
  private final Map<String, SocketLimits> shares = new ConcurrentHashMap<>();

  /** Handshakes for the sandboxes of a registry; the pass is as good as a token. */
  public Handshakes(
      dev.belljar.server.store.Tokens tokens,
      HostPass pass,
      SandboxRegistry registry,
      ServerEvents events,
      SocketLimits limits,
      String version) {
    access = new Access(tokens, pass);
    this.registry = registry;
    this.events = events;
    this.limits = limits;
    answers = new Answers(events, version);
    events.gauge(
        "belljar.heap.streams",
        "Bytes of heap taken for messages, answers, files and streams",
        limits.heap()::held);
  }

  /** Serves them. */
  public void configure(ServerWebSocketContainer container) {
    // Messages are put together by the socket itself, which knows what memory there is.
    container.setMaxTextMessageSize(-1);
    container.setMaxFrameSize(RpcSocket.LARGEST_MESSAGE);
    container.setAutoFragment(true);
    container.setInputBufferSize(INPUT_BUFFER);
    container.setIdleTimeout(IDLE);
    container.addMapping(Answers.CREATE, this::accept);
    container.addMapping("/api/v3/sandbox/*", this::accept);
  }

  private @Nullable Object accept(
      ServerUpgradeRequest request, ServerUpgradeResponse response, Callback callback) {
    String trace = answers.begin(response);
    try {
      Owner owner = access.check(request.getHeaders().get(HttpHeader.AUTHORIZATION));
      // Compressing base64 costs more than it saves.
      response.setExtensions(List.of());
      String path = Request.getPathInContext(request);
      RpcSocket socket = path.equals(Answers.CREATE) ? create(request, owner) : join(path, owner);
      response.getHeaders().put("x-deno-sandbox-id", socket.sandboxId());
      return socket;
    } catch (Exception e) {
      answers.refuse(request, response, ErrorBody.of(e, trace), callback);
      return null;
    } finally {
      LogContext.clear();
    }
  }

  private RpcSocket create(ServerUpgradeRequest request, Owner owner) {
    HostedSandbox hosted =
        registry.create(owner, CreateConfig.read(request.getHeaders().get(CreateConfig.HEADER)));
    RpcSocket socket = new RpcSocket(hosted, true, LogContext.copy(), limitsOf(owner), events);
    Thread.ofVirtual()
        .name("handshake of " + hosted.id())
        .start(
            () -> {
              try {
                Thread.sleep(limits.opening());
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
              socket.abandon();
            });
    return socket;
  }

  private SocketLimits limitsOf(Owner owner) {
    return shares.computeIfAbsent(owner.organization(), organization -> limits.share());
  }

  private RpcSocket join(String path, Owner owner) {
    Matcher matcher = Answers.CONNECT.matcher(path);
    if (!matcher.matches()) {
      throw new RefusedException(404, "NOT_FOUND", "There is no socket at " + path + ".");
    }
    HostedSandbox hosted = registry.find(owner.organization(), matcher.group(1));
    if (hosted.connections() >= MOST_SOCKETS) {
      throw new RefusedException(
          429, "SOCKET_LIMIT_EXCEEDED", "A sandbox has " + MOST_SOCKETS + " sockets at most.");
    }
    events.connected(hosted.id());
    return new RpcSocket(hosted, false, LogContext.copy(), limitsOf(owner), events);
  }
}
