package dev.belljar.server.observe;

import java.util.Map;
import java.util.Objects;
import org.slf4j.MDC;

/**
 * Who asks, on every line that this thread logs while it works for them: SLF4J's MDC with {@code
 * organization}, {@code token} (its id) and {@code trace}.
 */
public final class LogContext {
  private LogContext() {}

  /** A request of that trace begins; whose it is is not known yet. */
  public static void begin(String trace) {
    MDC.clear();
    MDC.put("trace", trace);
  }

  /** It is theirs. */
  public static void owner(String organization, String token) {
    MDC.put("organization", organization);
    MDC.put("token", token);
  }

  /** The trace of what this thread works on; empty where there is none. */
  public static String trace() {
    return Objects.requireNonNullElse(MDC.get("trace"), "");
  }

  /** For a thread that goes on with it. */
  public static Map<String, String> copy() {
    Map<String, String> context = MDC.getCopyOfContextMap();
    // Where nothing is logged there is none.
    return context == null ? Map.of() : Map.copyOf(context);
  }

  /** Goes on with what another thread began. */
  public static void resume(Map<String, String> context) {
    MDC.setContextMap(context);
  }

  /** What comes next is for somebody else. */
  public static void clear() {
    MDC.clear();
  }
}
