package dev.belljar.remote;

import dev.belljar.BelljarException;
import dev.belljar.Checkpoint;
import dev.belljar.Checkpoints;
import dev.belljar.Endpoint;
import dev.belljar.InvalidOptionException;
import dev.belljar.Page;
import dev.belljar.PageRequest;
import dev.belljar.Snapshot;
import dev.belljar.Snapshots;
import dev.belljar.Storage;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.Volume;
import dev.belljar.VolumeOptions;
import dev.belljar.Volumes;
import java.net.http.HttpResponse;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Pattern;
import tools.jackson.databind.node.ObjectNode;

/** Disks on a server. Each call has a connection of its own, so there is nothing to close. */
final class RemoteStorage implements Storage {
  private static final String VOLUMES = "/api/v2/volumes";
  private static final String SNAPSHOTS = "/api/v2/snapshots";
  private static final String CHECKPOINTS = "/api/v2/checkpoints";

  /** It becomes part of a URL. */
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_-]{1,128}");

  private final Endpoint endpoint;

  RemoteStorage(Endpoint endpoint) {
    this.endpoint = endpoint;
  }

  @Override
  public Volumes volumes() {
    return new RemoteVolumes();
  }

  @Override
  public Snapshots snapshots() {
    return new RemoteSnapshots();
  }

  @Override
  public Checkpoints checkpoints() {
    return new RemoteCheckpoints();
  }

  private <T> T ask(
      String method,
      String pathAndQuery,
      Optional<ObjectNode> body,
      Function<Refusal, BelljarException> refusal,
      Answer<T> answer) {
    try (Server server = new Server(endpoint)) {
      HttpResponse<String> response = server.manage(method, pathAndQuery, body, refusal);
      return answer.read(server, response);
    }
  }

  /** How an answer is read. */
  private interface Answer<T> {
    T read(Server server, HttpResponse<String> response);
  }

  private static <T> Answer<T> one(String what, Function<Reply, T> read) {
    return (server, response) -> read.apply(server.json(what, response));
  }

  private static <T> Answer<Page<T>> page(String what, Function<Reply, T> read) {
    return (server, response) ->
        new Page<>(
            server.json(what, response).list().stream().map(read).toList(),
            server.nextCursor(response));
  }

  /** What there is of that name; empty where the server knows none. */
  private <T> Optional<T> find(
      String collection, String idOrSlug, String query, String what, Function<Reply, T> read) {
    try {
      return Optional.of(
          ask(
              "GET",
              path(collection, idOrSlug) + query,
              Optional.empty(),
              refusal -> refusal.ofStorage(Reason.BUSY),
              one(what, read)));
    } catch (StorageException e) {
      if (e.reason() == Reason.NOT_FOUND) {
        return Optional.empty();
      }
      throw e;
    }
  }

  private <T> Page<T> list(
      String collection, PageRequest request, String what, Function<Reply, T> read) {
    StringBuilder query = new StringBuilder("?limit=" + request.limit());
    request.cursor().ifPresent(text -> query.append("&cursor=").append(Server.encoded(text)));
    request.search().ifPresent(text -> query.append("&search=").append(Server.encoded(text)));
    return ask(
        "GET",
        collection + query,
        Optional.empty(),
        refusal -> refusal.ofStorage(Reason.BUSY),
        page(what, read));
  }

  private void delete(String collection, String idOrSlug) {
    ask(
        "DELETE",
        path(collection, idOrSlug),
        Optional.empty(),
        refusal -> refusal.ofStorage(Reason.BUSY),
        (server, response) -> true);
  }

  private String path(String collection, String idOrSlug) {
    if (!NAME.matcher(idOrSlug).matches()) {
      throw new StorageException(
          Reason.NOT_FOUND,
          "There is nothing of that id or slug on "
              + endpoint.management().getAuthority()
              + ": it can have letters, digits, _ and - only.");
    }
    return collection + "/" + idOrSlug;
  }

  private static Volume volume(Reply reply) {
    Reply base = reply.member("base_snapshot");
    long flattened = reply.number("estimated_flattened_size");
    return new Volume(
        reply.text("id"),
        reply.text("slug"),
        reply.optionalText("region").orElse(""),
        reply.number("capacity"),
        reply.number("estimated_allocated_size"),
        flattened,
        // Deno's service does not say it.
        reply.optionalNumber("used_size").orElse(flattened),
        reply.flag("is_bootable"),
        base.absent() ? Optional.empty() : Optional.of(origin(base)),
        reply.optionalText("holder"),
        reply.optionalTime("deleted_at"));
  }

  private static Snapshot snapshot(Reply reply) {
    long flattened = reply.number("flattened_size");
    return new Snapshot(
        reply.text("id"),
        reply.text("slug"),
        reply.optionalText("region").orElse(""),
        // Deno's service does not say it; a volume of this size holds what is in it.
        reply.optionalNumber("capacity").orElse(flattened),
        reply.number("allocated_size"),
        flattened,
        reply.flag("is_bootable"),
        origin(reply.member("volume")));
  }

  static Checkpoint checkpoint(Reply reply) {
    return new Checkpoint(
        reply.text("id"),
        reply.text("slug"),
        reply.text("region"),
        reply.number("memory"),
        reply.integer("vcpus"),
        reply.number("allocated_size"),
        reply.text("sandbox"),
        reply.time("created_at"));
  }

  private static Volume.Origin origin(Reply reply) {
    return new Volume.Origin(reply.text("id"), reply.text("slug"));
  }

  private final class RemoteVolumes implements Volumes {
    @Override
    public Volume create(VolumeOptions options) {
      ObjectNode body = Json.object("slug", options.slug());
      body.put("capacity", options.capacity().bytes());
      options.region().ifPresent(region -> body.put("region", region));
      options.from().ifPresent(from -> body.put("from", from));
      return ask(
          "POST",
          VOLUMES,
          Optional.of(body),
          refusal -> refusal.ofStorage(Reason.SLUG_TAKEN),
          one("the making of a volume", RemoteStorage::volume));
    }

    /** A server of ours is asked for deleted ones as well; others have no such question. */
    @Override
    public Optional<Volume> get(String idOrSlug) {
      return find(
          VOLUMES, idOrSlug, "?deleted=true", "a question for a volume", RemoteStorage::volume);
    }

    @Override
    public Page<Volume> list(PageRequest request) {
      return RemoteStorage.this.list(
          VOLUMES, request, "the list of volumes", RemoteStorage::volume);
    }

    @Override
    public void delete(String idOrSlug) {
      RemoteStorage.this.delete(VOLUMES, idOrSlug);
    }

    @Override
    public Volume restore(String idOrSlug) {
      return ask(
          "POST",
          path(VOLUMES, idOrSlug) + "/restore",
          Optional.empty(),
          RemoteStorage::notRestored,
          one("the restoring of a volume", RemoteStorage::volume));
    }

    @Override
    public Snapshot snapshot(String idOrSlug, String slug) {
      return ask(
          "POST",
          path(VOLUMES, idOrSlug) + "/snapshot",
          Optional.of(Json.object("slug", slug)),
          refusal -> refusal.ofStorage(Reason.SLUG_TAKEN),
          one("the making of a snapshot", RemoteStorage::snapshot));
    }
  }

  /** Others do not know what was asked; what they say of it would mislead. */
  private static BelljarException notRestored(Refusal refusal) {
    return !refusal.belljar() && (refusal.status() == 404 || refusal.status() == 405)
        ? new InvalidOptionException(
            refusal.said() + " This server is not Belljar's and cannot restore a volume.")
        : refusal.ofStorage(Reason.SLUG_TAKEN);
  }

  private final class RemoteCheckpoints implements Checkpoints {
    @Override
    public Optional<Checkpoint> get(String idOrSlug) {
      return find(
          CHECKPOINTS, idOrSlug, "", "a question for a checkpoint", RemoteStorage::checkpoint);
    }

    @Override
    public Page<Checkpoint> list(PageRequest request) {
      return RemoteStorage.this.list(
          CHECKPOINTS, request, "the list of checkpoints", RemoteStorage::checkpoint);
    }

    @Override
    public void delete(String idOrSlug) {
      RemoteStorage.this.delete(CHECKPOINTS, idOrSlug);
    }
  }

  private final class RemoteSnapshots implements Snapshots {
    @Override
    public Optional<Snapshot> get(String idOrSlug) {
      return find(SNAPSHOTS, idOrSlug, "", "a question for a snapshot", RemoteStorage::snapshot);
    }

    @Override
    public Page<Snapshot> list(PageRequest request) {
      return RemoteStorage.this.list(
          SNAPSHOTS, request, "the list of snapshots", RemoteStorage::snapshot);
    }

    @Override
    public void delete(String idOrSlug) {
      RemoteStorage.this.delete(SNAPSHOTS, idOrSlug);
    }
  }
}
