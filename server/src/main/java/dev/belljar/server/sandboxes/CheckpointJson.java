package dev.belljar.server.sandboxes;

import dev.belljar.Checkpoint;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** A checkpoint as clients read it, over HTTP and on sockets. */
public final class CheckpointJson {
  private CheckpointJson() {}

  /** All that is known of it. */
  public static ObjectNode of(Checkpoint checkpoint) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("id", checkpoint.id())
        .put("slug", checkpoint.slug())
        .put("region", checkpoint.region())
        .put("memory", checkpoint.memory())
        .put("vcpus", checkpoint.vcpus())
        .put("allocated_size", checkpoint.allocatedSize())
        .put("sandbox", checkpoint.sandbox())
        .put("created_at", checkpoint.createdAt().toString());
  }
}
