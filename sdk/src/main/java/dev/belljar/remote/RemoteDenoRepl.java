package dev.belljar.remote;

import dev.belljar.BelljarException;
import dev.belljar.DenoRepl;
import dev.belljar.remote.Rpc.Outcome;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/** An evaluator in a sandbox of a server. */
final class RemoteDenoRepl extends RemoteDenoProcess implements DenoRepl {
  private final ReentrantLock oneAfterAnother = new ReentrantLock(true);

  RemoteDenoRepl(Spawn spawn) {
    super(spawn);
  }

  @Override
  public @Nullable Object eval(String code) {
    return value("denoReplEval", Json.object("code", code));
  }

  @Override
  public @Nullable Object call(String function, List<?> arguments) {
    ObjectNode params = Json.object("fn", function);
    params.set("args", Json.array(arguments));
    return value("denoReplCall", params);
  }

  @Override
  public void close() {
    if (!hasEnded()) {
      try {
        rpc.outcome("denoReplClose", Json.object().put("pid", pid()), reply -> {});
      } catch (BelljarException e) {
        // The sandbox ended, and the evaluator with it.
      }
    }
    super.close();
  }

  private @Nullable Object value(String method, ObjectNode params) {
    try {
      oneAfterAnother.lockInterruptibly();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BelljarException("Interrupted while waiting for evaluator " + pid() + ".", e);
    }
    try {
      Outcome outcome = rpc.outcome(method, params.put("pid", pid()), reply -> {});
      if (outcome instanceof Outcome.Failed failed) {
        RemoteError error = failed.error();
        // Code can throw errors of that class and code as well, but will hardly say the same.
        if (error.paused() && error.message().endsWith(RemoteError.PAUSED)) {
          throw error.exception();
        }
        throw error.processEnded() && error.message().equals(RemoteError.PROCESS_ENDED)
            ? ended()
            : error.scriptException();
      }
      return Json.plain(outcome.orThrow().value());
    } finally {
      oneAfterAnother.unlock();
    }
  }
}
