package dev.belljar.remote;

import dev.belljar.SandboxEnv;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import tools.jackson.databind.node.ObjectNode;

/** The environment variables of a server's sandbox. */
final class RemoteEnv implements SandboxEnv {
  private final Rpc rpc;

  RemoteEnv(Rpc rpc) {
    this.rpc = rpc;
  }

  @Override
  public Optional<String> get(String key) {
    Reply value = rpc.call("envGet", Json.object("key", key));
    return value.absent() ? Optional.empty() : Optional.of(value.text());
  }

  @Override
  public void set(String key, String value) {
    rpc.call("envSet", variable(key, value));
  }

  /** Sets several, without waiting for one after another. */
  void setAll(Map<String, String> variables) {
    List<CompletableFuture<Rpc.Outcome>> outcomes = new ArrayList<>();
    variables.forEach((key, value) -> outcomes.add(rpc.start("envSet", variable(key, value))));
    for (CompletableFuture<Rpc.Outcome> outcome : outcomes) {
      rpc.await("envSet", outcome, () -> {}, reply -> {}).orThrow();
    }
  }

  @Override
  public Map<String, String> toMap() {
    return Map.copyOf(rpc.call("envToObject", Json.object()).texts());
  }

  @Override
  public void delete(String key) {
    rpc.call("envDelete", Json.object("key", key));
  }

  private static ObjectNode variable(String key, String value) {
    SandboxEnv.check(key, value);
    return Json.object("key", key).put("value", value);
  }
}
