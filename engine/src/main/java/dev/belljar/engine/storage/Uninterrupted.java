package dev.belljar.engine.storage;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * Work that must come to its end: an interrupt closes whatever file or socket a thread is at, and
 * what is half done stays so.
 */
public final class Uninterrupted {
  private Uninterrupted() {}

  /**
   * Does it on a thread of its own and waits for it, whether interrupted or not; an interrupt is
   * there afterwards.
   *
   * @throws RuntimeException what the work threw; an exception of another kind in an {@link
   *     IllegalStateException}
   */
  public static <T> T run(String name, Callable<T> work) {
    FutureTask<T> task = start(name, work);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return task.get();
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (ExecutionException e) {
          throw thrown(e);
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * Does it on a thread of its own, which goes on when whoever waits is interrupted.
   *
   * @throws InterruptedException where that is so; the work comes to its end all the same
   */
  public static <T> T await(String name, Callable<T> work) throws InterruptedException {
    try {
      return start(name, work).get();
    } catch (ExecutionException e) {
      throw thrown(e);
    }
  }

  private static <T> FutureTask<T> start(String name, Callable<T> work) {
    FutureTask<T> task = new FutureTask<>(work);
    Thread.ofVirtual().name(name).start(task);
    return task;
  }

  private static RuntimeException thrown(ExecutionException e) {
    if (e.getCause() instanceof Error error) {
      throw error;
    }
    return e.getCause() instanceof RuntimeException known
        ? known
        : new IllegalStateException(e.getCause());
  }
}
