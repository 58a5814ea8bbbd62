package dev.belljar.server.api;

import dev.belljar.Page;
import dev.belljar.Snapshot;
import dev.belljar.Snapshots;
import dev.belljar.Storage;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.Volume;
import dev.belljar.VolumeOptions;
import dev.belljar.Volumes;
import dev.belljar.server.observe.ServerEvents;
import dev.belljar.server.sandboxes.SandboxRegistry;
import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Volumes and snapshots over plain HTTP. An organization has its own, and sees no others. */
final class StorageRoutes {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private static final String VOLUMES = "/api/v2/volumes";
  private static final String VOLUME = VOLUMES + "/{id}";
  private static final String SNAPSHOTS = "/api/v2/snapshots";
  private static final String SNAPSHOT = SNAPSHOTS + "/{id}";

  private final SandboxRegistry registry;
  private final Function<String, Optional<Storage>> storage;
  private final ServerEvents events;

  /**
   * Routes for the storage of an engine.
   *
   * @param registry the sandboxes that have volumes of it
   * @param storage of an organization, by its name; empty where the engine has none
   */
  StorageRoutes(
      SandboxRegistry registry, Function<String, Optional<Storage>> storage, ServerEvents events) {
    this.registry = registry;
    this.storage = storage;
    this.events = events;
  }

  /** Serves them. */
  void configure(RoutesConfig routes) {
    Routes.get(routes, VOLUMES, this::listVolumes);
    routes.post(VOLUMES, this::createVolume);
    Routes.get(routes, VOLUME, this::showVolume);
    routes.delete(VOLUME, this::deleteVolume);
    routes.post(VOLUME + "/snapshot", this::snapshot);
    routes.post(VOLUME + "/restore", this::restore);
    Routes.get(routes, SNAPSHOTS, this::listSnapshots);
    Routes.get(routes, SNAPSHOT, this::showSnapshot);
    routes.delete(SNAPSHOT, this::deleteSnapshot);
  }

  private void listVolumes(Context context) {
    ListQuery query = ListQuery.of(context.queryString());
    Page<Volume> page = volumes(context).list(query.page());
    ArrayNode list = NODES.arrayNode();
    page.items().forEach(volume -> list.add(describe(volume)));
    page.next().ifPresent(next -> Routes.link(context, query, next));
    Routes.json(context, list);
  }

  private void createVolume(Context context) {
    JsonBody body = JsonBody.read(context.body(), Set.of("slug", "region", "capacity", "from"));
    VolumeOptions options =
        new VolumeOptions(
            body.text("slug"),
            body.size("capacity"),
            body.optionalText("region"),
            body.optionalText("from"));
    long began = System.nanoTime();
    Volume volume = volumes(context).create(options);
    events.created(volume, since(began));
    Routes.json(context, describe(volume));
  }

  /** One that is deleted is shown to those only who know that this can be. */
  private void showVolume(Context context) {
    boolean deleted = ListQuery.of(context.queryString()).deleted();
    Volume volume = volume(context);
    if (volume.deletedAt().isPresent() && !deleted) {
      throw noVolume(volume.id());
    }
    Routes.json(context, describe(volume));
  }

  private void deleteVolume(Context context) {
    Volume volume = volume(context);
    long began = System.nanoTime();
    registry.whenFree(
        storage(context),
        List.of(volume.id()),
        () -> {
          volumes(context).delete(volume.id());
          return volume;
        });
    events.deleted(volume, since(began));
    Routes.json(context, NODES.objectNode());
  }

  private void snapshot(Context context) {
    JsonBody body = JsonBody.read(context.body(), Set.of("slug"));
    String slug = body.text("slug");
    VolumeOptions.checkSlug(slug);
    long began = System.nanoTime();
    Snapshot snapshot = volumes(context).snapshot(StorageName.of(context), slug);
    events.created(snapshot, since(began));
    Routes.json(context, describe(snapshot));
  }

  /** Ours: takes back a deletion. */
  private void restore(Context context) {
    JsonBody.refuseMembers(context.body());
    long began = System.nanoTime();
    Volume volume = volumes(context).restore(StorageName.of(context));
    events.restored(volume, since(began));
    Routes.json(context, describe(volume));
  }

  private void listSnapshots(Context context) {
    ListQuery query = ListQuery.of(context.queryString());
    Page<Snapshot> page = snapshots(context).list(query.page());
    ArrayNode list = NODES.arrayNode();
    page.items().forEach(snapshot -> list.add(describe(snapshot)));
    page.next().ifPresent(next -> Routes.link(context, query, next));
    Routes.json(context, list);
  }

  private void showSnapshot(Context context) {
    Routes.json(context, describe(snapshotOf(context)));
  }

  private void deleteSnapshot(Context context) {
    Snapshot snapshot = snapshotOf(context);
    long began = System.nanoTime();
    snapshots(context).delete(snapshot.id());
    events.deleted(snapshot, since(began));
    Routes.json(context, NODES.objectNode());
  }

  private Volume volume(Context context) {
    String name = StorageName.of(context);
    return volumes(context).get(name).orElseThrow(() -> noVolume(name));
  }

  private Snapshot snapshotOf(Context context) {
    String name = StorageName.of(context);
    return snapshots(context)
        .get(name)
        .orElseThrow(
            () -> new StorageException(Reason.NOT_FOUND, "There is no snapshot '" + name + "'."));
  }

  private static StorageException noVolume(String name) {
    return new StorageException(Reason.NOT_FOUND, "There is no volume '" + name + "'.");
  }

  private Volumes volumes(Context context) {
    return storage(context).volumes();
  }

  private Snapshots snapshots(Context context) {
    return storage(context).snapshots();
  }

  private Storage storage(Context context) {
    return storage
        .apply(Routes.owner(context).organization())
        .orElseThrow(() -> Routes.notSupported("Keeping volumes and snapshots"));
  }

  private static Duration since(long began) {
    return Duration.ofNanos(System.nanoTime() - began);
  }

  private static ObjectNode describe(Volume volume) {
    ObjectNode node =
        NODES
            .objectNode()
            .put("id", volume.id())
            .put("slug", volume.slug())
            .put("region", volume.region())
            .put("capacity", volume.capacity())
            .put("estimated_allocated_size", volume.allocatedSize())
            .put("estimated_flattened_size", volume.flattenedSize())
            .put("used_size", volume.usedSize())
            .put("is_bootable", volume.bootable());
    volume
        .baseSnapshot()
        .ifPresentOrElse(
            base -> node.set("base_snapshot", describe(base)), () -> node.putNull("base_snapshot"));
    return node.put("holder", volume.holder().orElse(null))
        .put("deleted_at", volume.deletedAt().map(Instant::toString).orElse(null));
  }

  private static ObjectNode describe(Snapshot snapshot) {
    ObjectNode node =
        NODES
            .objectNode()
            .put("id", snapshot.id())
            .put("slug", snapshot.slug())
            .put("region", snapshot.region())
            .put("capacity", snapshot.capacity())
            .put("allocated_size", snapshot.allocatedSize())
            .put("flattened_size", snapshot.flattenedSize())
            .put("is_bootable", snapshot.bootable());
    node.set("volume", describe(snapshot.volume()));
    return node;
  }

  private static ObjectNode describe(Volume.Origin origin) {
    return NODES.objectNode().put("id", origin.id()).put("slug", origin.slug());
  }
}
