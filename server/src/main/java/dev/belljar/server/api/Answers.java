package dev.belljar.server.api;

import dev.belljar.server.observe.LogContext;
import dev.belljar.server.observe.ServerEvents;
import java.util.regex.Pattern;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** What all answers have in common that do not come from a route. */
final class Answers {
  static final String CREATE = "/api/v3/sandboxes/create";
  static final Pattern CONNECT = Pattern.compile("/api/v3/sandbox/([^/]{1,100})/connect");

  /** What was asked for, where it was no socket. */
  static final String OTHER = "other";

  private final ServerEvents events;
  private final String version;

  Answers(ServerEvents events, String version) {
    this.events = events;
    this.version = version;
  }

  /** What metrics and the log call that which is asked for by a path. */
  static String kind(String path) {
    if (path.equals(CREATE)) {
      return "create";
    }
    return CONNECT.matcher(path).matches() ? "connect" : OTHER;
  }

  /** Puts a trace on the answer and on what this thread logs from now on. */
  String begin(Response response) {
    String trace = Trace.next();
    LogContext.begin(trace);
    response.getHeaders().put(Trace.HEADER, trace);
    response.getHeaders().put(Handshakes.VERSION_HEADER, version);
    return trace;
  }

  /** Answers with an error, which is counted and logged. */
  void refuse(Request request, Response response, ErrorBody error, Callback callback) {
    String path = request.getHttpURI().getPath();
    log(request, path == null ? "" : path, error);
    response.setStatus(error.status());
    response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/json");
    Content.Sink.write(response, true, error.toJson(), callback);
  }

  void log(Request request, String path, ErrorBody error) {
    events.refused(
        new ServerEvents.Refusal(
            kind(path),
            request.getMethod(),
            path,
            Request.getRemoteAddr(request),
            error.status(),
            error.code()));
  }
}
