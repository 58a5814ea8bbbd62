package dev.belljar.server.rpc;

import dev.belljar.BelljarException;
import dev.belljar.SandboxClosedException;
import dev.belljar.SandboxUnavailableException;
import dev.belljar.StorageException;
import dev.belljar.server.observe.LogContext;
import dev.belljar.server.rpc.Method.Answer;
import dev.belljar.server.sandboxes.Closing;
import java.io.IOException;
import java.nio.file.FileSystemException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;

/** One request from its arrival until its answer is out, on a thread of its own. */
final class Exchange implements Runnable {
  private static final Logger LOG = LoggerFactory.getLogger(Exchange.class);
  private static final int INVALID_PARAMS = -32602;

  private final Exchanges exchanges;
  private final JsonNode id;
  private final String name;
  private final Method method;
  private final Params params;
  private final long held;
  private @Nullable Thread thread;
  private boolean aborted;
  private boolean done;

  /**
   * A request that has not begun.
   *
   * @param held of the heap; given back at its end
   */
  Exchange(Exchanges exchanges, JsonNode id, String name, Method method, Params params, long held) {
    this.exchanges = exchanges;
    this.id = id;
    this.name = name;
    this.method = method;
    this.params = params;
    this.held = held;
  }

  JsonNode id() {
    return id;
  }

  String name() {
    return name;
  }

  /** Of the heap, until its end. */
  long held() {
    return held;
  }

  boolean carries(long abortId) {
    JsonNode carried = params.node().get("abortId");
    return carried != null
        && !name.equals("abort")
        && carried.isNumber()
        && carried.doubleValue() == abortId;
  }

  synchronized void abort() {
    aborted = true;
    if (thread != null && !done) {
      thread.interrupt();
    }
  }

  @Override
  public void run() {
    LogContext.resume(exchanges.client());
    // Kept until the answer is out: a client that does not read cannot make more of them.
    boolean turn = false;
    try {
      if (!begin()) {
        answered(() -> failed(WireError.aborted()));
        return;
      }
      turn = exchanges.awaitTurn(this);
      answered(work());
    } catch (InterruptedException e) {
      answered(() -> failed(WireError.aborted()));
    } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
      LOG.warn("The answer to {} of {} could not be sent", name, exchanges.sandboxId(), e);
      exchanges.closeSocket(Closing.INTERNAL_ERROR, "The server failed.");
    } finally {
      exchanges.over(this, turn);
    }
  }

  private Runnable work() {
    try {
      params.checkForm();
      Answer result = method.call(params);
      return () -> exchanges.replies().succeed(id, result);
    } catch (InvalidParamsException e) {
      return () -> exchanges.replies().fault(id, INVALID_PARAMS, "Invalid params", e.data());
    } catch (Method.Failure e) {
      return () -> failed(e.error());
    } catch (InterruptedException e) {
      return () -> failed(WireError.aborted());
    } catch (Exception e) {
      return () -> failed(isAborted() ? WireError.aborted() : error(e));
    } catch (StackOverflowError | OutOfMemoryError e) {
      LOG.warn("{} of {} failed", name, exchanges.sandboxId(), e);
      return () -> failed(WireError.of("Error", "The server could not do this: " + e, null));
    }
  }

  private synchronized boolean begin() {
    thread = Thread.currentThread();
    return !aborted;
  }

  private synchronized boolean isAborted() {
    return aborted;
  }

  private void answered(Runnable answer) {
    synchronized (this) {
      done = true;
      // An abort that came late must not meet the sending.
      if (Thread.interrupted()) {
        LOG.debug("{} was aborted when it was done", name);
      }
    }
    // The id is free from the moment that the client can know so.
    exchanges.free(this);
    answer.run();
  }

  private WireError error(Exception e) {
    boolean known = e instanceof BelljarException || e instanceof IOException;
    if (!known || isOfThisHost(e)) {
      LOG.warn("{} of {} failed", name, exchanges.sandboxId(), e);
    }
    if (isOfThisHost(e)) {
      return WireError.of(
          "Error",
          "The server could not do this; its log has more under trace " + LogContext.trace() + ".",
          null);
    }
    if (e instanceof SandboxClosedException) {
      return WireError.of("Error", String.valueOf(e.getMessage()), "SANDBOX_ENDED");
    }
    return WireError.of(e);
  }

  /** Whether its message may name files of this host. */
  private static boolean isOfThisHost(Throwable failure) {
    for (Throwable one = failure; one != null; one = one.getCause()) {
      if (one instanceof FileSystemException || one instanceof SandboxUnavailableException) {
        // A closed sandbox and a damaged disk are said in words of our own.
        return !(failure instanceof SandboxClosedException || failure instanceof StorageException);
      }
    }
    return false;
  }

  private void failed(WireError error) {
    exchanges.replies().failed(id, error);
  }
}
