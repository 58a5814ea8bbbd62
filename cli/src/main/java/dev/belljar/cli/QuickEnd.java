package dev.belljar.cli;

import dev.belljar.engine.Host;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.concurrent.FutureTask;

/**
 * Ends this process without the JVM's leave. At its own end the JVM waits up to 300 ms for threads
 * that are in native code, and those that wait for sockets and child processes always are: that
 * would be half of what a short command takes.
 */
final class QuickEnd {
  private static final FutureTask<MethodHandle> WAY = new FutureTask<>(QuickEnd::find);

  private QuickEnd() {}

  /** Looks for the way out on a thread of its own, while this process waits for a program. */
  static void prepare() {
    Thread.ofPlatform().daemon().name("quick end").start(WAY);
  }

  /** Ends this process once all that the engine had is given back; its other hooks do not run. */
  static void exit(int status) {
    Host.end();
    System.out.flush();
    System.err.flush();
    if (!TerminationSignals.endsNow()) {
      try {
        WAY.run();
        WAY.get().invokeExact(status);
      } catch (Throwable e) {
        // Then the slow way.
      }
    }
    System.exit(status);
  }

  /** All but the end, so that the start caches know its classes. */
  static void rehearse() {
    if (!TerminationSignals.endsNow()) {
      WAY.run();
    }
  }

  @SuppressWarnings("restricted") // the launcher allows native access
  private static MethodHandle find() {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker.defaultLookup().find("_exit").orElseThrow(),
        FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT));
  }
}
