package dev.belljar.remote;

import dev.belljar.DenoProcess;
import dev.belljar.DenoRepl;
import dev.belljar.DenoRunOptions;
import dev.belljar.SandboxDeno;
import dev.belljar.SpawnOptions;
import tools.jackson.databind.node.ObjectNode;

/** Deno in a sandbox of a server. */
final class RemoteDeno implements SandboxDeno {
  private final RemoteSandbox sandbox;
  private final Rpc rpc;

  RemoteDeno(RemoteSandbox sandbox, Rpc rpc) {
    this.sandbox = sandbox;
    this.rpc = rpc;
  }

  @Override
  public DenoProcess run(DenoRunOptions options) {
    ObjectNode params = arguments(options.process());
    switch (options.source()) {
      case DenoRunOptions.Code code ->
          params.put("code", code.text()).put("extension", code.extension().ending());
      case DenoRunOptions.Entrypoint entrypoint -> {
        params.put("entrypoint", entrypoint.path());
        if (!entrypoint.watched().isEmpty()) {
          params.set("watch", Json.array(entrypoint.watched()));
        } else if (entrypoint.watch()) {
          params.put("watch", true);
        }
      }
    }
    return new RemoteDenoProcess(Spawn.of(sandbox, rpc, "spawnDeno", params, options.process()));
  }

  @Override
  public DenoRepl repl(SpawnOptions options) {
    return new RemoteDenoRepl(Spawn.of(sandbox, rpc, "spawnDenoRepl", arguments(options), options));
  }

  private static ObjectNode arguments(SpawnOptions options) {
    ObjectNode params = Json.object();
    if (!options.args().isEmpty()) {
      params.set("scriptArgs", Json.array(options.args()));
    }
    return params;
  }
}
