package dev.belljar.server.api;

import dev.belljar.server.observe.LogContext;
import dev.belljar.server.observe.ServerEvents;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/**
 * Tells those who speak another version of WebSocket which one is spoken here (RFC 6455, section
 * 4.4); everything else goes on to the handler that this is put before.
 */
public final class WebSocketVersion extends Handler.Wrapper {
  private static final String SPOKEN = "13";

  private final Answers answers;

  /** Before that handler. */
  public WebSocketVersion(Handler next, ServerEvents events, String version) {
    super(next);
    answers = new Answers(events, version);
  }

  @Override
  public boolean handle(Request request, Response response, Callback callback) throws Exception {
    HttpFields headers = request.getHeaders();
    if (!headers.contains(HttpHeader.UPGRADE, "websocket")
        || SPOKEN.equals(headers.get(HttpHeader.SEC_WEBSOCKET_VERSION))
        || Answers.kind(Request.getPathInContext(request)).equals(Answers.OTHER)) {
      return super.handle(request, response, callback);
    }
    answers.begin(response);
    response.getHeaders().put(HttpHeader.SEC_WEBSOCKET_VERSION, SPOKEN);
    answers.refuse(
        request,
        response,
        new ErrorBody(
            426, "UPGRADE_REQUIRED", "This server speaks version " + SPOKEN + " of WebSocket."),
        callback);
    LogContext.clear();
    return true;
  }
}
