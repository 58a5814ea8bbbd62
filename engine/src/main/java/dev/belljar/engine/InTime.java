package dev.belljar.engine;

import dev.belljar.engine.LocalSandbox.Question;
import dev.belljar.engine.agent.AgentErrorException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Questions to a guest, which may never answer. */
final class InTime {
  private InTime() {}

  /**
   * Asks, and waits for at most that long.
   *
   * @throws IOException also where there was no answer in time; it is waited for no more
   */
  static <T> T ask(String what, Duration limit, Question<T> question)
      throws IOException, AgentErrorException {
    FutureTask<T> task = new FutureTask<>(question::ask);
    Thread.ofVirtual().name(what).start(task);
    try {
      return task.get(limit.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("Interrupted while waiting for the sandbox.");
    } catch (TimeoutException e) {
      throw new IOException(
          "the guest did not answer (%s) in %d s".formatted(what, limit.toSeconds()), e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof AgentErrorException refused) {
        throw refused;
      }
      throw new IOException(what + ": " + e.getCause(), e);
    }
  }
}
