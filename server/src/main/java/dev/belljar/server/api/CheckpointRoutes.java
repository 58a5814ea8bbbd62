package dev.belljar.server.api;

import dev.belljar.Checkpoint;
import dev.belljar.Checkpoints;
import dev.belljar.Page;
import dev.belljar.Storage;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.server.observe.ServerEvents;
import dev.belljar.server.sandboxes.CheckpointJson;
import dev.belljar.server.sandboxes.HostedSandbox;
import dev.belljar.server.sandboxes.SandboxRegistry;
import dev.belljar.server.sandboxes.Standstill;
import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;

/**
 * Ours: sandboxes that are paused, resumed and saved, and what was saved. An organization has its
 * own, and sees no others.
 */
final class CheckpointRoutes {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private static final String SANDBOX = "/api/v3/sandbox/{id}";
  private static final String CHECKPOINTS = "/api/v2/checkpoints";
  private static final String CHECKPOINT = CHECKPOINTS + "/{id}";

  private final SandboxRegistry registry;
  private final Function<String, Optional<Storage>> storage;
  private final Standstill standstill;
  private final ServerEvents events;

  /**
   * Routes for the sandboxes of a registry.
   *
   * @param storage of an organization, by its name; empty where the engine has none
   */
  CheckpointRoutes(
      SandboxRegistry registry, Function<String, Optional<Storage>> storage, ServerEvents events) {
    this.registry = registry;
    this.storage = storage;
    this.events = events;
    standstill = new Standstill(events);
  }

  /** Serves them. */
  void configure(RoutesConfig routes) {
    routes.post(SANDBOX + "/pause", this::pause);
    routes.post(SANDBOX + "/resume", this::resume);
    routes.post(SANDBOX + "/checkpoint", this::checkpoint);
    Routes.get(routes, CHECKPOINTS, this::list);
    Routes.get(routes, CHECKPOINT, this::show);
    routes.delete(CHECKPOINT, this::delete);
  }

  private void pause(Context context) {
    HostedSandbox hosted = hosted(context);
    JsonBody.refuseMembers(context.body());
    standstill.pause(hosted);
    Routes.json(context, NODES.objectNode());
  }

  private void resume(Context context) {
    HostedSandbox hosted = hosted(context);
    JsonBody.refuseMembers(context.body());
    standstill.resume(hosted);
    Routes.json(context, NODES.objectNode());
  }

  private void checkpoint(Context context) {
    HostedSandbox hosted = hosted(context);
    JsonBody body = JsonBody.read(context.body(), Set.of("slug"));
    storage(context);
    Routes.json(context, CheckpointJson.of(standstill.checkpoint(hosted, body.text("slug"))));
  }

  private void list(Context context) {
    ListQuery query = ListQuery.of(context.queryString());
    Page<Checkpoint> page = checkpoints(context).list(query.page());
    ArrayNode list = NODES.arrayNode();
    page.items().forEach(checkpoint -> list.add(CheckpointJson.of(checkpoint)));
    page.next().ifPresent(next -> Routes.link(context, query, next));
    Routes.json(context, list);
  }

  private void show(Context context) {
    Routes.json(context, CheckpointJson.of(named(context)));
  }

  private void delete(Context context) {
    Checkpoint checkpoint = named(context);
    long began = System.nanoTime();
    checkpoints(context).delete(checkpoint.id());
    events.deleted(checkpoint, Duration.ofNanos(System.nanoTime() - began));
    Routes.json(context, NODES.objectNode());
  }

  private HostedSandbox hosted(Context context) {
    return registry.find(Routes.owner(context).organization(), context.pathParam("id"));
  }

  private Checkpoint named(Context context) {
    String name = StorageName.of(context);
    return checkpoints(context)
        .get(name)
        .orElseThrow(
            () -> new StorageException(Reason.NOT_FOUND, "There is no checkpoint '" + name + "'."));
  }

  private Checkpoints checkpoints(Context context) {
    return storage(context).checkpoints();
  }

  private Storage storage(Context context) {
    return storage
        .apply(Routes.owner(context).organization())
        .orElseThrow(() -> Routes.notSupported("Keeping checkpoints"));
  }
}
