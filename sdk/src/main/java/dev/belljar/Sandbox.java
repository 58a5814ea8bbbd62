package dev.belljar;

import dev.belljar.spi.RemoteSandboxProvider;
import dev.belljar.spi.SandboxProvider;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;

/**
 * A Linux microVM of one's own to run untrusted code in.
 *
 * {@snippet :
 * try (var sandbox = Sandbox.create()) {
 *   sandbox.fs().writeTextFile("/tmp/hello.ts", "console.log('hello')");
 *   var child = sandbox.spawn("deno", SpawnOptions.builder().args("run", "/tmp/hello.ts").piped().build());
 *   System.out.println(child.output().stdoutText());
 * }
 * }
 *
 * <p>Instances are safe for use by many threads. Calls block the calling thread, which may be
 * virtual; an interrupt ends the wait with a {@link BelljarException} and keeps the thread's
 * interrupted status.
 */
public interface Sandbox extends AutoCloseable {

  /**
   * Makes a sandbox with the default options and blocks until it answers.
   *
   * @throws SandboxUnavailableException where this host cannot make one; the message says what
   *     mends it
   */
  static Sandbox create() {
    return create(SandboxOptions.builder().build());
  }

  /**
   * Makes a sandbox, on this host or on the server that the options name, and blocks until it
   * answers.
   *
   * @throws SandboxUnavailableException where none can be made; the message says what mends it
   * @throws InvalidTokenException where the server does not accept the token
   * @throws InvalidOptionException where an option is out of its bounds, or the server cannot do it
   */
  static Sandbox create(SandboxOptions options) {
    return ServiceLoader.load(SandboxProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(provider -> provider.serves(options))
        .findFirst()
        .orElseThrow(
            () ->
                new SandboxUnavailableException(
                    "There is no engine for sandboxes of this host on the class path. Add"
                        + " dev.belljar:belljar-engine as a dependency, or name a server with"
                        + " SandboxOptions.Builder#endpoint or BELLJAR_ENDPOINT."))
        .create(options);
  }

  /**
   * Connects to a sandbox on the server that the environment names; see {@link
   * Endpoint#fromEnvironment}.
   *
   * @throws InvalidOptionException where the environment names none
   */
  static Sandbox connect(String id) {
    return connect(
        id,
        Endpoint.fromEnvironment()
            .orElseThrow(
                () ->
                    new InvalidOptionException(
                        "There is no server to connect to. Set BELLJAR_ENDPOINT and BELLJAR_TOKEN,"
                            + " or use connect(id, Endpoint).")));
  }

  /**
   * Connects to a sandbox of a server and blocks until it answers. Several may be connected to one.
   *
   * @throws SandboxClosedException where the server has no such sandbox, or no longer
   * @throws InvalidTokenException where the server does not accept the token
   * @throws SandboxUnavailableException where the server cannot be reached
   * @throws InvalidOptionException where that is not an id
   */
  static Sandbox connect(String id, Endpoint endpoint) {
    return elsewhere().connect(id, endpoint);
  }

  /**
   * The sandboxes of a server that have all of those labels, of the organization that the token
   * belongs to.
   *
   * @throws InvalidTokenException where the server does not accept the token
   * @throws SandboxUnavailableException where the server cannot be reached
   */
  static List<SandboxInfo> list(Endpoint endpoint, Map<String, String> labels) {
    return elsewhere().list(endpoint, labels);
  }

  private static RemoteSandboxProvider elsewhere() {
    return ServiceLoader.load(SandboxProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(RemoteSandboxProvider.class::isInstance)
        .map(RemoteSandboxProvider.class::cast)
        .findFirst()
        .orElseThrow(
            () -> new SandboxUnavailableException("There is no remote client on the class path."));
  }

  /**
   * The id: {@code sbx_}, the three letters of a region ({@code loc} on this host), {@code _} and
   * 20 characters.
   */
  String id();

  /** The labels it was made with. */
  Map<String, String> labels();

  /** Its files. */
  SandboxFs fs();

  /** The environment that processes started from now on get. */
  SandboxEnv env();

  /** Deno, as a runner of programs and an evaluator of code. */
  SandboxDeno deno();

  /**
   * Makes an HTTP request from within the sandbox: its policy decides, and {@code localhost} is the
   * sandbox itself. Blocks until the head of the answer is there. Close the answer.
   *
   * @throws FetchException where the request cannot be made; the message says why
   */
  FetchResponse fetch(FetchRequest request);

  /**
   * Connects to a port on which a program of the sandbox listens on its loopback. Close the
   * connection.
   *
   * @param port 1 to 65535
   * @throws FileSystemOperationException with code {@code ECONNREFUSED} where nothing listens
   * @throws InvalidOptionException for a port that cannot be
   */
  GuestConnection dial(int port);

  /** What separates the sandbox from this host. */
  Isolation isolation();

  /**
   * When it will be destroyed whatever it does; {@link Instant#MAX} where its lifetime is the
   * session.
   */
  Instant stopAt();

  /**
   * Starts a program. A name without a slash is looked up in the sandbox's {@code PATH}.
   *
   * @throws NotFoundException where there is no such command or working directory
   * @throws PermissionDeniedException where it may not be executed
   * @throws FileSystemOperationException for the rest, for example {@code E2BIG}
   */
  ChildProcess spawn(String command, SpawnOptions options);

  /** Starts a program with arguments, its output piped. */
  default ChildProcess spawn(String command, String... args) {
    return spawn(command, SpawnOptions.builder().args(args).piped().build());
  }

  /**
   * A command for {@code /bin/bash -c}, to be configured and run. Nothing runs before one of its
   * closing methods is called.
   */
  default SandboxCommand sh(String script) {
    return new SandboxCommand(this, script);
  }

  /** The connections that the sandbox made or tried, oldest first; at most the last 1,000. */
  List<EgressRecord> egress();

  /**
   * What all of its connections come to since it was made. {@link EgressTotals#NONE} of a sandbox
   * on a server that is not Belljar's.
   */
  EgressTotals egressTotals();

  /**
   * Gives the sandbox that much time from now, at most its maximum (30 minutes unless configured),
   * never less than it has.
   *
   * @return when it will end now
   */
  Instant extendTimeout(Duration timeout);

  /**
   * Stops all of it until {@link #resume}: it costs no processor time, and keeps its memory. Its
   * lifetime goes on, its clock stands still until it is resumed. What is asked of it meanwhile is
   * refused ({@link SandboxPausedException}), what was asked before is answered then. Blocks for
   * some milliseconds; does nothing to one that is paused.
   *
   * @throws SandboxClosedException where it has ended
   */
  void pause();

  /**
   * Lets a paused sandbox go on, its clock set right. Does nothing to one that runs.
   *
   * @throws SandboxClosedException where it has ended
   */
  void resume();

  /**
   * Whether it is paused; a sandbox of a server that is not Belljar's never is. Asks the server
   * where it is on one.
   *
   * @throws SandboxClosedException where it has ended on a server
   */
  boolean isPaused();

  /**
   * Saves the sandbox as it is at one instant: memory, processes and disks. It stands still
   * meanwhile, for a second or so for each GiB of memory in use, and then goes on. Sandboxes are
   * made from it with {@link SandboxOptions.Builder#checkpoint}.
   *
   * <p>What a program drew from the kernel's randomness before that instant is the same in all of
   * them, for example the state of a generator of its own; what it draws afterwards is not.
   *
   * @param slug its name: 1 to 63 lower case letters, digits and hyphens, which no volume, snapshot
   *     or checkpoint of the owner has
   * @throws StorageException where the name is taken, the host's disk is full, or the guest does
   *     not hold still; the sandbox goes on then
   * @throws InvalidOptionException where the name cannot be
   * @throws SandboxPausedException while it is paused
   */
  Checkpoint checkpoint(String slug);

  /** Waits until the sandbox has ended and says why. */
  String awaitEnd();

  /** Destroys the sandbox at once: processes, files, memory. Does nothing to one that has ended. */
  void kill();

  /**
   * Ends the session: the sandbox is destroyed, unless it was given a lifetime elsewhere than on
   * this host. Idempotent.
   */
  @Override
  void close();
}
