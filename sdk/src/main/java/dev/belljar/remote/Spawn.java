package dev.belljar.remote;

import dev.belljar.SpawnOptions;
import dev.belljar.SpawnOptions.Stdio;
import java.util.Optional;
import tools.jackson.databind.node.ObjectNode;

/**
 * A process that was just started, with its streams.
 *
 * @param reply what the server said of it
 */
record Spawn(
    Rpc rpc,
    RemoteSandbox sandbox,
    SpawnOptions options,
    Reply reply,
    int pid,
    Optional<OutgoingStream> stdin,
    Optional<IncomingStream> stdout,
    Optional<IncomingStream> stderr) {

  /**
   * Starts one.
   *
   * @param method {@code spawn}, {@code spawnDeno} or {@code spawnDenoRepl}
   * @param params what that method needs besides the options
   */
  static Spawn of(
      RemoteSandbox sandbox, Rpc rpc, String method, ObjectNode params, SpawnOptions options) {
    if (!options.user().equals("app")) {
      sandbox.needsBelljar("user");
      params.put("user", options.user());
    }
    if (options.terminal().isPresent()) {
      sandbox.needsBelljar("terminal");
      var size = options.terminal().get();
      params.set("terminal", Json.object().put("rows", size.rows()).put("columns", size.columns()));
    }
    if (!options.env().isEmpty()) {
      params.set("env", Json.object(options.env()));
    }
    if (options.clearEnv()) {
      params.put("clearEnv", true);
    }
    options.cwd().ifPresent(directory -> params.put("cwd", directory));
    params.put("stdout", options.stdout() == Stdio.NULL ? "null" : "piped");
    params.put("stderr", options.stderr() == Stdio.NULL ? "null" : "piped");
    Optional<OutgoingStream> stdin =
        options.stdin() == Stdio.PIPED ? Optional.of(rpc.outgoing()) : Optional.empty();
    stdin.ifPresent(stream -> params.put("stdinStreamId", stream.id()));
    try {
      Reply reply = rpc.call(method, params, late -> kill(sandbox, rpc, late));
      return new Spawn(
          rpc,
          sandbox,
          options,
          reply,
          reply.integer("pid"),
          stdin,
          stream(rpc, reply, "stdoutStreamId"),
          stream(rpc, reply, "stderrStreamId"));
    } catch (RuntimeException e) {
      stdin.ifPresent(rpc::forget);
      throw e;
    }
  }

  RemoteChildProcess process() {
    return new RemoteChildProcess(this);
  }

  private static Optional<IncomingStream> stream(Rpc rpc, Reply reply, String name) {
    var id = reply.optionalNumber(name);
    return id.isPresent() ? Optional.of(rpc.incoming(id.getAsLong())) : Optional.empty();
  }

  /** Nobody waits for it any more. */
  private static void kill(RemoteSandbox sandbox, Rpc rpc, Reply reply) {
    stream(rpc, reply, "stdoutStreamId").ifPresent(IncomingStream::close);
    stream(rpc, reply, "stderrStreamId").ifPresent(IncomingStream::close);
    rpc.outcome("processKill", release(sandbox, reply.integer("pid")), done -> {});
  }

  /** What {@code processKill} takes to kill it and, where the server can, all that it started. */
  ObjectNode release() {
    return release(sandbox, pid);
  }

  private static ObjectNode release(RemoteSandbox sandbox, int pid) {
    ObjectNode params = Json.object("signal", "SIGKILL").put("pid", pid);
    return sandbox.isBelljar() ? params.put("release", true) : params;
  }
}
