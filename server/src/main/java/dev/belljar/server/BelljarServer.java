package dev.belljar.server;

import dev.belljar.InvalidOptionException;
import dev.belljar.SandboxPool;
import dev.belljar.server.api.Handshakes;
import dev.belljar.server.api.JsonErrors;
import dev.belljar.server.api.Routes;
import dev.belljar.server.api.WebSocketVersion;
import dev.belljar.server.observe.ServerEvents;
import dev.belljar.server.rpc.SocketLimits;
import dev.belljar.server.sandboxes.Closing;
import dev.belljar.server.sandboxes.HostedSandbox;
import dev.belljar.server.sandboxes.SandboxRegistry;
import dev.belljar.server.store.MetadataStore;
import dev.belljar.server.tokens.HostPass;
import dev.belljar.server.tokens.TokenSocket;
import dev.belljar.spi.SandboxProvider;
import io.javalin.Javalin;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.SecureRequestCustomizer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.eclipse.jetty.util.thread.VirtualThreadPool;
import org.eclipse.jetty.websocket.server.WebSocketUpgradeHandler;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sandboxes of this host for clients of Deno Sandbox's protocol. Started by {@link #start}, ended
 * by {@link #close}.
 */
public final class BelljarServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(BelljarServer.class);

  /** What clients of ours are told; counted up where what is beyond the protocol changes. */
  private static final String VERSION = "1";

  /**
   * Room for a sandbox's configuration, which may hold secrets: 64 KiB, and base64 makes it more.
   */
  private static final int HEADER_BYTES = 128 << 10;

  private final ServerConfig config;
  private final DataLock lock;
  private final MetadataStore store;
  private final ServerEvents events;
  private final SandboxRegistry registry;
  private final Javalin http;
  private final Optional<TokenSocket> operators;
  private final HostPass pass;
  private final SandboxProvider engine;
  private Optional<SandboxPool> pool = Optional.empty();
  private boolean closed;

  private BelljarServer(
      ServerConfig config,
      DataLock lock,
      MetadataStore store,
      ServerEvents events,
      SandboxRegistry registry,
      Javalin http,
      Optional<TokenSocket> operators,
      HostPass pass,
      SandboxProvider engine) {
    this.config = config;
    this.lock = lock;
    this.store = store;
    this.events = events;
    this.registry = registry;
    this.http = http;
    this.operators = operators;
    this.pass = pass;
    this.engine = engine;
  }

  /**
   * Starts a server; returns when it answers.
   *
   * @throws InvalidOptionException where it would listen for everybody and nobody has a token, or a
   *     file of the configuration cannot be used
   * @throws dev.belljar.BelljarException where the data directory, the database or the port cannot
   *     be had
   */
  public static BelljarServer start(ServerConfig config, SandboxProvider engine) {
    return start(config, engine, SocketLimits.ofHeap());
  }

  static BelljarServer start(ServerConfig config, SandboxProvider engine, SocketLimits limits) {
    DataLock lock = DataLock.take(config.data());
    try {
      return start(config, engine, limits, lock);
    } catch (RuntimeException e) {
      lock.close();
      throw e;
    }
  }

  private static BelljarServer start(
      ServerConfig config, SandboxProvider engine, SocketLimits limits, DataLock lock) {
    MetadataStore store = MetadataStore.open(config.store());
    try {
      checkAccess(config, store);
      int lost = store.sandboxes().stopAllRunning(Instant.now(), "the server ended before it");
      if (lost > 0) {
        LOG.info("{} sandboxes ended with the server that ran here before", lost);
      }
      store.sandboxes().deleteStoppedBefore(Instant.now().minus(config.retention()));
      ServerEvents events = new ServerEvents();
      SandboxRegistry registry =
          new SandboxRegistry(
              engine, store.sandboxes(), config::limitsOf, config::tenantOf, config::addTo, events);
      HostPass pass = HostPass.next();
      Routes routes =
          new Routes(
              store,
              pass,
              registry,
              organization -> engine.storage(config.tenantOf(organization)),
              events,
              isLoopback(config.host()),
              VERSION);
      Javalin http = listen(config, store, pass, events, registry, routes, limits);
      Optional<TokenSocket> operators = TokenSocket.open(config.data(), store.tokens());
      return new BelljarServer(
          config, lock, store, events, registry, http, operators, pass, engine);
    } catch (RuntimeException e) {
      store.close();
      throw e;
    }
  }

  /**
   * Whoever reaches the port of a loopback address has a user on this host, and the data directory.
   */
  private static void checkAccess(ServerConfig config, MetadataStore store) {
    if (!isLoopback(config.host()) && store.tokens().count() == 0) {
      throw new InvalidOptionException(
          "Listening on "
              + config.host()
              + " needs a token for those who may use it. Make one with: belljar tokens create --data "
              + config.data()
              + " ORGANIZATION");
    }
  }

  private static boolean isLoopback(String host) {
    try {
      for (InetAddress address : InetAddress.getAllByName(host)) {
        if (!address.isLoopbackAddress()) {
          return false;
        }
      }
      return true;
    } catch (UnknownHostException e) {
      throw new InvalidOptionException("'" + host + "' is no address of this host.", e);
    }
  }

  private static Javalin listen(
      ServerConfig config,
      MetadataStore store,
      HostPass pass,
      ServerEvents events,
      SandboxRegistry registry,
      Routes routes,
      SocketLimits limits) {
    // Before anything listens: what is wrong with the files is not wrong with the address.
    Optional<SslContextFactory.Server> tls = config.tls().map(ServerCertificate::read);
    Handshakes handshakes = new Handshakes(store.tokens(), pass, registry, events, limits, VERSION);
    Javalin http =
        Javalin.create(
            javalin -> {
              javalin.startup.showJavalinBanner = false;
              javalin.startup.showOldJavalinVersionWarning = false;
              javalin.startup.startupWatcherEnabled = false;
              javalin.concurrency.useVirtualThreads = true;
              javalin.http.maxRequestSize = Routes.LARGEST_BODY;
              javalin.http.prefer405over404 = true;
              javalin.jetty.threadPool = threads();
              javalin.jetty.addConnector((server, defaults) -> connector(server, config, tls));
              javalin.jetty.modifyServer(
                  server -> {
                    server.setStopTimeout(2000);
                    server.setErrorHandler(new JsonErrors(events, VERSION));
                    server.setHandler(
                        new WebSocketVersion(
                            WebSocketUpgradeHandler.from(server, handshakes::configure),
                            events,
                            VERSION));
                  });
              routes.configure(javalin.routes);
            });
    try {
      return http.start();
    } catch (RuntimeException e) {
      http.stop();
      throw new dev.belljar.BelljarException(
          "The server cannot listen on "
              + config.host()
              + ":"
              + config.port()
              + " ("
              + rootOf(e)
              + "). Choose another with --listen.",
          e);
    }
  }

  private static String rootOf(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return String.valueOf(root.getMessage());
  }

  private static QueuedThreadPool threads() {
    QueuedThreadPool threads = new QueuedThreadPool(16, 4);
    VirtualThreadPool virtual = new VirtualThreadPool();
    virtual.setMaxConcurrentTasks(0);
    threads.setVirtualThreadsExecutor(virtual);
    threads.setName("belljar-http");
    threads.setDaemon(true);
    return threads;
  }

  private static ServerConnector connector(
      Server server, ServerConfig config, Optional<SslContextFactory.Server> tls) {
    HttpConfiguration http = new HttpConfiguration();
    http.setRequestHeaderSize(HEADER_BYTES);
    http.setSendServerVersion(false);
    ServerConnector connector;
    if (tls.isPresent()) {
      http.addCustomizer(new SecureRequestCustomizer(false));
      HttpConnectionFactory plain = new HttpConnectionFactory(http);
      connector =
          new ServerConnector(
              server, 1, 1, new SslConnectionFactory(tls.get(), plain.getProtocol()), plain);
    } else {
      connector = new ServerConnector(server, 1, 1, new HttpConnectionFactory(http));
    }
    connector.setHost(config.host());
    connector.setPort(config.port());
    connector.setReuseAddress(true);
    return connector;
  }

  /** Where clients find it, for example {@code http://127.0.0.1:8460}. */
  public String endpoint() {
    String host = config.host().contains(":") ? "[" + config.host() + "]" : config.host();
    return (config.tls().isPresent() ? "https://" : "http://") + host + ":" + http.port();
  }

  /**
   * Lets commands of the user who owns the data directory find this server and use it for the
   * organization {@code local}, until it ends. Only where it listens for this host alone, without
   * TLS: elsewhere a name, a certificate or a proxy may matter that they know nothing of.
   *
   * @return whether it does so from now on
   */
  public boolean offerToThisHost() {
    if (operators.isEmpty() || config.tls().isPresent() || !isLoopback(config.host())) {
      return false;
    }
    operators.get().offer(endpoint(), pass);
    return true;
  }

  /**
   * Makes a token for the organization {@code local} where there is none that lets anybody in;
   * empty where there is. The server does not keep it: whoever calls this shows it, or {@link
   * #withdraw}s it.
   */
  public Optional<String> firstToken() {
    return store.tokens().count() > 0 || !isLoopback(config.host())
        ? Optional.empty()
        : Optional.of(store.tokens().create("local", "made by the first start").secret());
  }

  /** Revokes a token that reached nobody. */
  public void withdraw(String token) {
    store.tokens().find(token).ifPresent(known -> store.tokens().revoke(known.id()));
  }

  /** What the server remembers; for tokens. */
  public MetadataStore store() {
    return store;
  }

  /**
   * Takes no new sandboxes, ends those that live with their socket, tells all clients, and waits
   * for the rest for as long as the configuration says.
   */
  public void drain() {
    registry.drain();
    registry.running().stream().filter(HostedSandbox::session).forEach(BelljarServer::end);
    long until = System.nanoTime() + config.drain().toNanos();
    do {
      // Again and again: the answer to a handshake may be on its way when its socket is not yet
      // there.
      registry.running().forEach(BelljarServer::tellOfTheEnd);
      if (registry.running().isEmpty()) {
        return;
      }
      try {
        Thread.sleep(Duration.ofMillis(50));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    } while (System.nanoTime() < until);
  }

  private static void end(HostedSandbox session) {
    tellOfTheEnd(session);
    session.sandbox().close();
  }

  private static void tellOfTheEnd(HostedSandbox hosted) {
    hosted.disconnect(Closing.GOING_AWAY, "The server is shutting down.");
  }

  /**
   * Has machines wait for sandboxes from now on, as many as the configuration says. Blocks while
   * the engine is made ready, which takes long on a new host.
   */
  public void keepReady() {
    if (config.pool().isEmpty()) {
      return;
    }
    Optional<SandboxPool> opened = engine.openPool(config.pool().get());
    opened.ifPresent(events::pool);
    synchronized (this) {
      if (!closed) {
        pool = opened;
        return;
      }
    }
    opened.ifPresent(SandboxPool::close);
  }

  private void closePool() {
    Optional<SandboxPool> open;
    synchronized (this) {
      closed = true;
      open = pool;
    }
    open.ifPresent(SandboxPool::close);
  }

  /** Ends everything at once. Idempotent. */
  @Override
  public void close() {
    operators.ifPresent(TokenSocket::close);
    closePool();
    registry.close();
    http.stop();
    events.close();
    store.close();
    lock.close();
  }
}
