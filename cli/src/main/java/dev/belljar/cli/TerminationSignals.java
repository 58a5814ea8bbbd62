package dev.belljar.cli;

import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.function.IntConsumer;

/**
 * Signals that ask a process to end, taken before the JVM acts on them: its shutdown hooks all run
 * at once, and would end sandboxes that were to be given time. The JDK offers this only as {@code
 * sun.misc.Signal}, which is reached by reflection so that the compiler does not warn of it.
 */
final class TerminationSignals {
  private static final String[] NAMES = {"INT", "TERM"};

  private TerminationSignals() {}

  /** Whether one has come, and the JVM acts on it: hooks cannot be added or removed any more. */
  static boolean endsNow() {
    try {
      Thread probe = new Thread(() -> {});
      Runtime.getRuntime().addShutdownHook(probe);
      Runtime.getRuntime().removeShutdownHook(probe);
      return false;
    } catch (IllegalStateException shuttingDown) {
      return true;
    }
  }

  /** Has {@code action} called with the number of each signal, on a thread of the JVM's. */
  static void handle(IntConsumer action) {
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      Method number = signal.getMethod("getNumber");
      Object listener =
          Proxy.newProxyInstance(
              TerminationSignals.class.getClassLoader(),
              new Class<?>[] {handler},
              (proxy, method, arguments) -> {
                if (method.getName().equals("handle")) {
                  action.accept((Integer) number.invoke(arguments[0]));
                }
                return null;
              });
      for (String name : NAMES) {
        signal
            .getMethod("handle", signal, handler)
            .invoke(null, signal.getConstructor(String.class).newInstance(name), listener);
      }
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("This Java has no sun.misc.Signal.", e);
    }
  }
}
