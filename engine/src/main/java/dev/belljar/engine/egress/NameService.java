package dev.belljar.engine.egress;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * This host's resolver. Its native call blocks a real thread, so it gets few of its own: a guest
 * that asks for many slow names delays other names, never anything else.
 */
final class NameService {
  private static final int THREADS = 16;
  private static final int WAITING = 1024;
  private static final int SECONDS = 10;

  private static final ThreadPoolExecutor RESOLVERS = resolvers();

  private NameService() {}

  /** The addresses of a name, in the system's order of preference. */
  static List<InetAddress> resolve(String name) throws IOException {
    Future<InetAddress[]> answer;
    try {
      answer = RESOLVERS.submit(() -> InetAddress.getAllByName(name));
    } catch (RejectedExecutionException e) {
      throw new IOException("too many names are being resolved", e);
    }
    try {
      return List.of(answer.get(SECONDS, TimeUnit.SECONDS));
    } catch (ExecutionException e) {
      throw new UnknownHostException("no address for '" + name + "'");
    } catch (TimeoutException e) {
      answer.cancel(true);
      throw new UnknownHostException("no answer for '" + name + "' in " + SECONDS + " s");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
  }

  private static ThreadPoolExecutor resolvers() {
    var executor =
        new ThreadPoolExecutor(
            THREADS,
            THREADS,
            5,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(WAITING),
            Thread.ofPlatform().daemon().name("belljar-resolver-", 0).factory());
    executor.allowCoreThreadTimeOut(true);
    return executor;
  }
}
