package dev.belljar.server.api;

import dev.belljar.server.observe.LogContext;
import dev.belljar.server.observe.ServerEvents;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.util.Callback;

/** What fails before it reaches a route, as JSON like all that fails behind one. */
public final class JsonErrors extends ErrorHandler {
  private final Answers answers;

  /** For answers of that version. */
  public JsonErrors(ServerEvents events, String version) {
    answers = new Answers(events, version);
  }

  @Override
  public boolean handle(Request request, Response response, Callback callback) {
    int status = response.getStatus() < 400 ? 500 : response.getStatus();
    answers.begin(response);
    answers.refuse(request, response, ErrorBody.of(status), callback);
    LogContext.clear();
    return true;
  }
}
