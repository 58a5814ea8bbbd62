package dev.belljar.cli;

import dev.belljar.BelljarException;
import dev.belljar.PoolOptions;
import dev.belljar.engine.Host;
import dev.belljar.engine.LocalSandboxProvider;
import dev.belljar.server.BelljarServer;
import dev.belljar.server.ServerConfig;
import dev.belljar.server.ServerConfigFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code belljar serve}. */
@Command(
    name = "serve",
    mixinStandardHelpOptions = true,
    versionProvider = BelljarCommand.Version.class,
    description = {
      "Makes this machine a sandbox service that speaks Deno Sandbox's protocol: the official clients"
          + " work against it unchanged, given the environment variables that it prints.",
      "",
      "On the first start a token is made and printed, once; 'belljar tokens' makes more. On any other"
          + " address than loopback it starts only when there are tokens.",
      ""
    },
    footer = {
      "",
      "SIGTERM and Ctrl-C end it in order: no new sandboxes, clients are told, sessions end, sandboxes",
      "with a lifetime get the time of 'drain' (30 s). A second signal ends it at once.",
      "",
      "Exit status: 0 after SIGTERM, 130 after Ctrl-C, 1 where it cannot start, 2 when called wrongly.",
      "",
      "Examples:",
      "  belljar serve",
      "  belljar serve --listen 127.0.0.1:9000 --data /srv/belljar",
      "  belljar serve --config belljar.toml"
    })
final class ServeCommand implements Callable<Integer> {
  private static final int SIGINT = 2;

  /** Named as users write them. */
  private enum LogFormat {
    text,
    json
  }

  private final StandardStreams streams;

  @Option(
      names = "--listen",
      paramLabel = "HOST:PORT",
      description = "The address to listen on; 127.0.0.1:8460 unless given. Port 0 is any.")
  private @Nullable String listen;

  @Option(
      names = "--log-format",
      paramLabel = "text|json",
      defaultValue = "text",
      description = "How the log on standard error is written; text unless given.")
  private LogFormat logFormat = LogFormat.text;

  @Option(
      names = "--pool",
      paramLabel = "MIN-MAX|off",
      description =
          "How many machines wait for sandboxes of the default size; 2-8 unless given or configured.")
  private @Nullable String pool;

  @Option(
      names = "--pool-deno",
      description =
          "Let Deno wait in each of these machines, too, so that the first deno.eval of a sandbox"
              + " is answered in milliseconds. Takes memory of each, used or not.")
  private boolean poolDeno;

  @Option(names = "--check", description = "Start, see that everything is in order, and end again.")
  private boolean check;

  @Mixin private ServerOptions server = new ServerOptions();

  @Mixin private JailOption jail = new JailOption();

  ServeCommand(StandardStreams streams) {
    this.streams = streams;
  }

  /** What is configured, but for what the command line says. */
  Optional<PoolOptions> pool(Optional<PoolOptions> configured) {
    Optional<PoolOptions> wanted = configured;
    if (pool != null) {
      wanted =
          PoolOptions.parse(pool)
              .map(
                  named -> configured.map(all -> all.with(named.sizes().getFirst())).orElse(named));
    }
    return poolDeno ? wanted.map(machines -> machines.withDeno(true)) : wanted;
  }

  @Override
  public Integer call() throws InterruptedException {
    CommandLogging.toLog(streams, logFormat == LogFormat.json);
    ServerConfig config = server.read();
    if (listen != null) {
      config = ServerConfigFile.listen(config, listen);
    }
    config = config.with(pool(config.pool()));
    jail.apply();
    FirstUse.prepare(streams, false);
    LocalSandboxProvider engine = new LocalSandboxProvider();
    CountDownLatch asked = new CountDownLatch(1);
    AtomicInteger first = new AtomicInteger();
    try (BelljarServer running = BelljarServer.start(config, engine)) {
      if (check) {
        streams.say("everything is in order.");
        return ExitCode.SUCCESS;
      }
      TerminationSignals.handle(
          number -> {
            if (!first.compareAndSet(0, number)) {
              Runtime.getRuntime().halt(128 + number);
            }
            asked.countDown();
          });
      // A run that did not ask for an insecure jail must not get one by way of a server.
      if (!Host.acceptsInsecureJails() && running.offerToThisHost()) {
        streams.say("'belljar run' of this user makes its sandboxes here from now on.");
      }
      announce(running);
      Thread.ofVirtual().name("first machines").start(() -> prepare(running));
      asked.await();
      streams.say("draining; another signal ends it at once…");
      running.drain();
    }
    return first.get() == SIGINT ? ExitCode.INTERRUPTED : ExitCode.SUCCESS;
  }

  /** So that the first client need not wait for what is done once. */
  private void prepare(BelljarServer running) {
    try {
      Host.setUp(step -> {}, false);
      running.keepReady();
    } catch (BelljarException e) {
      streams.say("no sandbox can be made yet: " + e.getMessage());
    }
  }

  /** The token is made only now: nothing can fail any more but that it is not seen. */
  private void announce(BelljarServer running) {
    streams.say("serving sandboxes at " + running.endpoint());
    String endpoint = running.endpoint();
    StringBuilder lines = new StringBuilder();
    lines.append("export DENO_SANDBOX_ENDPOINT=").append(endpoint).append('\n');
    lines.append("export DENO_DEPLOY_ENDPOINT=").append(endpoint).append('\n');
    Optional<String> token = running.firstToken();
    token.ifPresent(
        secret -> lines.append("export DENO_DEPLOY_TOKEN=").append(secret).append('\n'));
    try {
      streams.out().write(lines.toString().getBytes(StandardCharsets.UTF_8));
      streams.out().flush();
    } catch (IOException e) {
      // The server runs all the same; a token that nobody has seen must not be what keeps the next
      // start from making one.
      token.ifPresent(running::withdraw);
      streams.say(
          "standard output takes nothing ("
              + e.getMessage()
              + (token.isPresent()
                  ? "); the first token was revoked unseen. Make one with: belljar tokens create local"
                  : ")."));
      return;
    }
    streams.say(
        token.isPresent()
            ? "this token is shown only now; 'belljar tokens create' makes others."
            : "with a token that was made before, or by 'belljar tokens create', in DENO_DEPLOY_TOKEN.");
  }
}
