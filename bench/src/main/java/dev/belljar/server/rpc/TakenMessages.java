package dev.belljar.server.rpc;

import java.util.Collection;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.eclipse.jetty.websocket.api.Session;
import org.eclipse.jetty.websocket.api.WebSocketContainer;
import org.eclipse.jetty.websocket.api.WebSocketSessionListener;
import org.eclipse.jetty.websocket.common.JettyWebSocketFrameHandlerFactory;
import org.eclipse.jetty.websocket.common.WebSocketSession;
import org.eclipse.jetty.websocket.core.CoreSession;
import org.eclipse.jetty.websocket.core.WebSocketComponents;

/** The session of a socket with no network: what is sent to it is taken at once. */
final class TakenMessages {
  private TakenMessages() {}

  static Session session() {
    WebSocketContainer container = new NoContainer();
    return new WebSocketSession(
        container,
        new CoreSession.Empty(),
        new JettyWebSocketFrameHandlerFactory(container, new WebSocketComponents())
            .newJettyFrameHandler(new NoListener()));
  }

  /** Is told nothing; public, as Jetty looks for its methods. */
  public static final class NoListener implements Session.Listener.AutoDemanding {}

  /** Knows of no session. */
  private static final class NoContainer implements WebSocketContainer {
    @Override
    public Executor getExecutor() {
      return Runnable::run;
    }

    @Override
    public Collection<Session> getOpenSessions() {
      return List.of();
    }

    @Override
    public void addSessionListener(WebSocketSessionListener listener) {}

    @Override
    public boolean removeSessionListener(WebSocketSessionListener listener) {
      return false;
    }

    @Override
    public void notifySessionListeners(Consumer<WebSocketSessionListener> consumer) {}
  }
}
