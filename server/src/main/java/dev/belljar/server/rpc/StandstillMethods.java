package dev.belljar.server.rpc;

import dev.belljar.BelljarException;
import dev.belljar.SandboxUnavailableException;
import dev.belljar.server.rpc.Method.Answer;
import dev.belljar.server.sandboxes.CheckpointJson;
import dev.belljar.server.sandboxes.HostedSandbox;
import dev.belljar.server.sandboxes.Standstill;
import java.util.Map;
import java.util.function.Supplier;

/** Ours: the calls that pause, resume and save the sandbox. */
final class StandstillMethods {
  private final HostedSandbox hosted;
  private final Standstill standstill;

  StandstillMethods(RpcSession session) {
    hosted = session.hosted();
    standstill = new Standstill(session.events());
  }

  void register(Map<String, Method> methods) {
    methods.put("pause", params -> ofThisHost(this::pause));
    methods.put("resume", params -> ofThisHost(this::resume));
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
    return ofThisHost(
        () -> new Answer.Value(CheckpointJson.of(standstill.checkpoint(hosted, slug))));
  }

  /** What fails for no reason that has a class of its own failed on this host's disk or in QEMU. */
  private static Answer ofThisHost(Supplier<Answer> work) {
    try {
      return work.get();
    } catch (BelljarException e) {
      if (e.getClass() == BelljarException.class) {
        throw new SandboxUnavailableException("It does not stand still, or cannot be saved.", e);
      }
      throw e;
    }
  }
}
