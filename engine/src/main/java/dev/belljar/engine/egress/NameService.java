package dev.belljar.engine.egress;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * This host's resolver, as one sandbox may use it. Its native call blocks a real thread for as long
 * as the name's owner likes, so each sandbox may hold a few only: a guest that asks for many slow
 * names delays its own other names, and nothing else.
 */
final class NameService {
  /**
   * Look-ups of one sandbox under way at once. Programs ask for a name or two at a time and for the
   * next when they are told; that many answer a hundred names in a second at 40 ms each.
   */
  static final int AT_ONCE = 4;

  /** More look-ups of a sandbox than that do not wait for their turn. */
  static final int WAITING = 256;

  /** How long an answer may take, the wait for a turn included. */
  static final Duration PATIENCE = Duration.ofSeconds(10);

  /**
   * Of all sandboxes together: enough that 64 which do their worst leave the others theirs. They
   * are there only while they have something to do.
   */
  private static final int THREADS = 64 * AT_ONCE;

  private static final ThreadPoolExecutor RESOLVERS = resolvers();

  private final Resolver resolver;
  private final Duration patience;
  private final Semaphore turns = new Semaphore(AT_ONCE, true);
  private final Semaphore places = new Semaphore(AT_ONCE + WAITING);

  /** What is asked for names. */
  interface Resolver {
    InetAddress[] resolve(String name) throws UnknownHostException;
  }

  /** For one sandbox. */
  NameService(Resolver resolver, Duration patience) {
    this.resolver = resolver;
    this.patience = patience;
  }

  /** The addresses of a name, in the system's order of preference, or the one of an address. */
  List<InetAddress> resolve(String host) throws IOException {
    try {
      return List.of(InetAddress.ofLiteral(host));
    } catch (IllegalArgumentException e) {
      // A name.
    }
    if (!places.tryAcquire()) {
      throw new IOException("too many of the sandbox's names are being resolved");
    }
    try {
      return List.of(inTurn(host));
    } catch (ExecutionException e) {
      throw new UnknownHostException("no address for '" + host + "'");
    } catch (TimeoutException e) {
      throw new UnknownHostException("no answer for '" + host + "' in time");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    } finally {
      places.release();
    }
  }

  private InetAddress[] inTurn(String name)
      throws InterruptedException, ExecutionException, TimeoutException {
    long until = System.nanoTime() + patience.toNanos();
    if (!turns.tryAcquire(patience.toNanos(), TimeUnit.NANOSECONDS)) {
      throw new TimeoutException();
    }
    CompletableFuture<InetAddress[]> answer = new CompletableFuture<>();
    RESOLVERS.execute(() -> answer(name, answer));
    try {
      return answer.get(until - System.nanoTime(), TimeUnit.NANOSECONDS);
    } finally {
      answer.cancel(false);
    }
  }

  /** The turn lasts as long as the native call does, whether anybody waits for it or not. */
  private void answer(String name, CompletableFuture<InetAddress[]> answer) {
    try {
      if (!answer.isDone()) {
        answer.complete(resolver.resolve(name));
      }
    } catch (UnknownHostException | RuntimeException e) {
      answer.completeExceptionally(e);
    } finally {
      turns.release();
    }
  }

  private static ThreadPoolExecutor resolvers() {
    var executor =
        new ThreadPoolExecutor(
            THREADS,
            THREADS,
            5,
            TimeUnit.SECONDS,
            // Bounded by the turns of each sandbox.
            new LinkedBlockingQueue<>(),
            Thread.ofPlatform().daemon().name("belljar-resolver-", 0).factory());
    executor.allowCoreThreadTimeOut(true);
    return executor;
  }
}
