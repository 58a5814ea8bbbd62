package dev.belljar.server.rpc;

import dev.belljar.server.rpc.Method.Answer;
import dev.belljar.server.sandboxes.CheckpointJson;
import dev.belljar.server.sandboxes.HostedSandbox;
import dev.belljar.server.sandboxes.Standstill;
import java.util.Map;

/** Ours: the calls that pause, resume and save the sandbox. */
final class StandstillMethods {
  private final HostedSandbox hosted;
  private final Standstill standstill;

  StandstillMethods(RpcSession session) {
    hosted = session.hosted();
    standstill = new Standstill(session.events());
  }

  void register(Map<String, Method> methods) {
    methods.put("pause", params -> pause());
    methods.put("resume", params -> resume());
    methods.put("checkpoint", this::checkpoint);
  }

  private Answer pause() {
    standstill.pause(hosted);
    return Answer.DONE;
  }

  private Answer resume() {
    standstill.resume(hosted);
    return Answer.DONE;
  }

  private Answer checkpoint(Params params) throws InvalidParamsException {
    String slug = params.string("slug");
    params.check();
    return new Answer.Value(CheckpointJson.of(standstill.checkpoint(hosted, slug)));
  }
}
