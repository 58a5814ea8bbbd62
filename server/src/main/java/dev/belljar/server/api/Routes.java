package dev.belljar.server.api;

import dev.belljar.EgressRecord;
import dev.belljar.EgressTotals;
import dev.belljar.Isolation;
import dev.belljar.Storage;
import dev.belljar.server.observe.LogContext;
import dev.belljar.server.observe.ServerEvents;
import dev.belljar.server.sandboxes.HostedSandbox;
import dev.belljar.server.sandboxes.HostedSandbox.Owner;
import dev.belljar.server.sandboxes.RefusedException;
import dev.belljar.server.sandboxes.SandboxRegistry;
import dev.belljar.server.store.MetadataStore;
import dev.belljar.server.store.SandboxPage;
import dev.belljar.server.store.SandboxRecord;
import dev.belljar.server.tokens.HostPass;
import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import io.javalin.http.Handler;
import io.javalin.http.HttpResponseException;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Everything that is asked over plain HTTP. */
public final class Routes {
  private static final JsonMapper MAPPER = new JsonMapper();
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  /** The largest body of a request, in bytes. */
  public static final int LARGEST_BODY = 1 << 20;

  private static final String OWNER = "owner";

  /** Sandboxes in a list of version 2, which has no pages. */
  private static final int MOST_LISTED = 1000;

  /** Resources of Deno Deploy that this server has none of: a single one is not found. */
  private static final List<String> NOT_OFFERED =
      List.of("apps", "layers", "revisions", "timelines");

  private final Access access;
  private final SandboxRegistry registry;
  private final MetadataStore store;
  private final StorageRoutes storage;
  private final CheckpointRoutes checkpoints;
  private final ServerEvents events;
  private final boolean openMetrics;
  private final String version;

  /**
   * Routes for the sandboxes of a registry.
   *
   * @param pass what is as good as a token
   * @param storage the volumes, snapshots and checkpoints of an organization; empty where the
   *     engine has none
   * @param openMetrics whether metrics need no token
   */
  public Routes(
      MetadataStore store,
      HostPass pass,
      SandboxRegistry registry,
      Function<String, Optional<Storage>> storage,
      ServerEvents events,
      boolean openMetrics,
      String version) {
    access = new Access(store.tokens(), pass);
    this.registry = registry;
    this.store = store;
    this.storage = new StorageRoutes(registry, storage, events);
    checkpoints = new CheckpointRoutes(registry, storage, events);
    this.events = events;
    this.openMetrics = openMetrics;
    this.version = version;
  }

  /** Serves them. */
  public void configure(RoutesConfig routes) {
    routes.before(
        context -> {
          context.attribute(Trace.HEADER, Trace.next());
          context.header(Trace.HEADER, trace(context));
          LogContext.begin(trace(context));
          context.header(Handshakes.VERSION_HEADER, version);
          if (isApi(context.path())) {
            // Before anything is said of what there is below it, or is not.
            context.attribute(OWNER, access.check(context.header("Authorization")));
          }
          if (context.req().getContentLengthLong() > LARGEST_BODY) {
            // Not read: whoever says so much is told before it is sent.
            throw new RefusedException(
                413, "BODY_TOO_LARGE", "A body may have " + LARGEST_BODY + " bytes at most.");
          }
        });
    routes.after(context -> LogContext.clear());
    get(routes, "/healthz", context -> json(context, NODES.objectNode().put("status", "ok")));
    get(routes, "/readyz", this::ready);
    get(routes, "/metrics", this::metrics);
    get(routes, "/api/v3/sandboxes/create", context -> upgradeNeeded());
    get(routes, "/api/v3/sandbox/{id}/connect", context -> upgradeNeeded());
    get(routes, "/api/v3/sandbox/{id}", this::show);
    routes.delete("/api/v3/sandbox/{id}", this::kill);
    routes.patch("/api/v3/sandbox/{id}", this::extend);
    for (String what : List.of("http", "ssh", "vscode")) {
      routes.post(
          "/api/v3/sandbox/{id}/expose/" + what,
          context -> {
            hosted(context);
            throw notSupported("Exposing sandboxes (" + what + ")");
          });
    }
    get(routes, "/api/v3/sandboxes", this::listPages);
    get(routes, "/api/v2/sandboxes", this::listAll);
    routes.post(
        "/api/v2/sandboxes/{id}/deploy",
        context -> {
          hosted(context);
          throw notSupported("Deploying");
        });
    storage.configure(routes);
    checkpoints.configure(routes);
    for (String resource : NOT_OFFERED) {
      get(
          routes,
          "/api/v2/" + resource + "/{id}",
          context -> {
            throw new RefusedException(404, "NOT_FOUND", "This server has no " + resource + ".");
          });
    }
    routes.exception(
        HttpResponseException.class,
        (failure, context) -> {
          // Javalin's own answers; for those two there is more to say.
          context.status(failure.getStatus());
          if (failure.getStatus() == 404 || failure.getStatus() == 405) {
            unknown(context);
          } else {
            failed(failure, context);
          }
        });
    routes.exception(Exception.class, this::failed);
    routes.error(404, this::unknown);
    routes.error(405, this::unknown);
  }

  /** HEAD is what GET is, token and all; Javalin by itself would answer it without asking. */
  static void get(RoutesConfig routes, String path, Handler handler) {
    routes.get(path, handler);
    routes.head(path, handler);
  }

  private static String trace(Context context) {
    Object trace = context.attribute(Trace.HEADER);
    return trace == null ? "" : trace.toString();
  }

  private void failed(Exception failure, Context context) {
    error(context, ErrorBody.of(failure, trace(context)));
  }

  private void error(Context context, ErrorBody error) {
    String path = context.req().getRequestURI();
    events.refused(
        new ServerEvents.Refusal(
            Answers.kind(path),
            context.req().getMethod(),
            path,
            context.ip(),
            error.status(),
            error.code()));
    context.status(error.status());
    context.attribute("answered", true);
    context.contentType("application/json").result(error.toJson());
  }

  /** No route, or one of another method. */
  private void unknown(Context context) {
    if (context.attribute("answered") != null) {
      return;
    }
    String path = context.path();
    boolean known =
        NOT_OFFERED.stream()
            .map(name -> "/api/v2/" + name)
            .anyMatch(root -> path.equals(root) || path.startsWith(root + "/"));
    error(
        context,
        known
            ? new ErrorBody(501, "NOT_SUPPORTED", "This server does not support " + path + ".")
            : ErrorBody.of(context.statusCode()));
  }

  static void json(Context context, JsonNode node) {
    context.contentType("application/json").result(node.toString());
  }

  static RefusedException notSupported(String what) {
    return new RefusedException(501, "NOT_SUPPORTED", what + " is not supported by this server.");
  }

  private static void upgradeNeeded() {
    throw new RefusedException(426, "UPGRADE_REQUIRED", "This is a WebSocket; ask for an upgrade.");
  }

  private void ready(Context context) {
    if (registry.draining()) {
      throw new RefusedException(503, "SERVER_DRAINING", "This server is shutting down.");
    }
    store.tokens().count();
    json(context, NODES.objectNode().put("status", "ready"));
  }

  private void metrics(Context context) {
    if (!openMetrics) {
      access.check(context.header("Authorization"));
    }
    context.contentType("text/plain; version=0.0.4; charset=utf-8").result(events.scrape());
  }

  private static boolean isApi(String path) {
    return path.equals("/api") || path.startsWith("/api/");
  }

  /** Who asks, below {@code /api}: that was found out before any route. */
  static Owner owner(Context context) {
    Owner checked = context.attribute(OWNER);
    return Objects.requireNonNull(checked, "who asks");
  }

  private HostedSandbox hosted(Context context) {
    return registry.find(owner(context).organization(), context.pathParam("id"));
  }

  private void kill(Context context) {
    HostedSandbox hosted = hosted(context);
    events.killed(hosted.id());
    hosted.kill();
    json(context, NODES.objectNode());
  }

  private void extend(Context context) {
    HostedSandbox hosted = hosted(context);
    JsonNode stopAt;
    try {
      JsonNode body = MAPPER.readTree(context.body());
      stopAt = body.get("stop_at_ms");
    } catch (JacksonException e) {
      throw new RefusedException(400, "INVALID_REQUEST", "The body must be JSON.");
    }
    if (stopAt == null) {
      throw new RefusedException(400, "INVALID_REQUEST", "The body must have 'stop_at_ms'.");
    }
    Instant wanted =
        CreateConfig.millis(stopAt)
            .orElseThrow(
                () ->
                    new RefusedException(
                        400, "INVALID_REQUEST", "'stop_at_ms' must be a time in milliseconds."));
    Instant granted =
        hosted.extend(wanted, registry.longestExtension(hosted.owner().organization()));
    json(context, NODES.objectNode().put("stop_at_ms", granted.toEpochMilli()));
  }

  /** Ours: what is known of a sandbox that runs. */
  private void show(Context context) {
    HostedSandbox hosted = hosted(context);
    Isolation isolation = hosted.sandbox().isolation();
    ObjectNode node = NODES.objectNode().put("id", hosted.id());
    node.put("created_at", hosted.createdAt().toString());
    Instant stopAt = hosted.sandbox().stopAt();
    if (stopAt.equals(Instant.MAX)) {
      node.putNull("stop_at_ms");
    } else {
      node.put("stop_at_ms", stopAt.toEpochMilli());
    }
    node.put("paused", hosted.sandbox().isPaused());
    ObjectNode labels = node.putObject("labels");
    hosted.labels().forEach(labels::put);
    node.putObject("isolation")
        .put("engine", isolation.engine())
        .put("accelerator", isolation.accelerator())
        .put("hardware", isolation.hardware())
        .put("jail", isolation.jail())
        .put("image", isolation.image());
    ArrayNode egress = node.putArray("egress");
    for (EgressRecord record : hosted.sandbox().egress()) {
      ArrayNode secrets = NODES.arrayNode();
      record.secrets().forEach(secrets::add);
      egress
          .addObject()
          .put("time", record.time().toString())
          .put("host", record.host())
          .put("port", record.port())
          .put("address", record.address().orElse(null))
          .put("verdict", record.verdict().name())
          .put("reason", record.reason())
          .put("bytes_out", record.bytesOut())
          .put("bytes_in", record.bytesIn())
          .put("duration_ms", record.duration().toMillis())
          .set("secrets", secrets);
    }
    EgressTotals totals = hosted.sandbox().egressTotals();
    ObjectNode counts = node.putObject("egress_totals");
    counts.set("connections", counts(totals.connections()));
    counts.set("limits", counts(totals.limits()));
    counts
        .put("open", totals.open())
        .put("bytes_out", totals.bytesOut())
        .put("bytes_in", totals.bytesIn());
    json(context, node);
  }

  private static ObjectNode counts(Map<? extends Enum<?>, Long> counts) {
    ObjectNode node = NODES.objectNode();
    counts.forEach((key, count) -> node.put(key.name().toLowerCase(Locale.ROOT), count));
    return node;
  }

  private void listAll(Context context) {
    Owner owner = owner(context);
    ListQuery query = ListQuery.of(context.queryString());
    SandboxPage page =
        store
            .sandboxes()
            .list(
                owner.organization(),
                query.labels(),
                query.status(),
                Optional.empty(),
                MOST_LISTED);
    ArrayNode list = NODES.arrayNode();
    for (SandboxRecord record : page.sandboxes()) {
      ObjectNode node = describe(list.addObject(), record);
      node.put("createdAt", record.createdAt().toString());
      node.put("stoppedAt", record.stoppedAt().map(Instant::toString).orElse(null));
    }
    json(context, list);
  }

  private void listPages(Context context) {
    Owner owner = owner(context);
    ListQuery query = ListQuery.of(context.queryString());
    SandboxPage page =
        store
            .sandboxes()
            .list(
                owner.organization(),
                query.labels(),
                query.status(),
                query.cursor(),
                query.limit());
    ArrayNode list = NODES.arrayNode();
    for (SandboxRecord record : page.sandboxes()) {
      ObjectNode node = describe(list.addObject(), record);
      node.put("created_at", record.createdAt().toString());
      node.put("stopped_at", record.stoppedAt().map(Instant::toString).orElse(null));
    }
    page.nextCursor().ifPresent(next -> link(context, query, next));
    json(context, list);
  }

  /** Says where the next page is. */
  static void link(Context context, ListQuery query, String next) {
    context.header("Link", "<" + context.url() + query.from(next) + ">; rel=\"next\"");
  }

  private static ObjectNode describe(ObjectNode node, SandboxRecord record) {
    node.put("id", record.id());
    node.put("region", record.id().substring(4, 7));
    node.put("status", record.status() == SandboxRecord.Status.RUNNING ? "running" : "stopped");
    ObjectNode labels = node.putObject("labels");
    record.labels().forEach(labels::put);
    return node;
  }
}
