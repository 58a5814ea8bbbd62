package dev.belljar.server.rpc;

import dev.belljar.ChildProcess;
import dev.belljar.ChildProcessStatus;
import dev.belljar.FileSystemOperationException;
import dev.belljar.GuestConnection;
import dev.belljar.NotFoundException;
import dev.belljar.Signal;
import dev.belljar.SpawnOptions;
import dev.belljar.SpawnOptions.Stdio;
import dev.belljar.server.rpc.Method.Answer;
import dev.belljar.server.rpc.Method.Failure;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.node.ObjectNode;

/** The calls about processes, and connections to their ports. */
final class ProcessMethods {
  private static final Map<String, Stdio> STDIO = Map.of("piped", Stdio.PIPED, "null", Stdio.NULL);

  private final RpcSession session;

  ProcessMethods(RpcSession session) {
    this.session = session;
  }

  void register(Map<String, Method> methods) {
    methods.put("spawn", this::spawn);
    methods.put("processWait", this::await);
    methods.put("processKill", this::kill);
    methods.put("processResize", this::resize);
    methods.put("dial", this::dial);
  }

  private Answer spawn(Params params) throws Exception {
    String command = params.string("command");
    session.checkStreams();
    SpawnOptions options = options(params, "args");
    Optional<InputStream> input = stdin(params);
    ChildProcess child;
    try {
      child = started(input, () -> session.sandbox().spawn(command, options));
    } catch (FileSystemOperationException e) {
      throw new Failure(notStarted(command, e));
    }
    session.events().ran(session.hosted().id(), command);
    return new Answer.Value(describe(child, options));
  }

  /** Deno's words for a command that could not be started. */
  private static WireError notStarted(String command, FileSystemOperationException failure) {
    WireError error = WireError.of(failure);
    String message = error.message();
    String reason;
    if (failure instanceof NotFoundException) {
      int directory = message.indexOf(": chdir '");
      reason =
          directory < 0
              ? "entity not found"
              : "No such cwd " + message.substring(directory + ": chdir ".length());
    } else {
      int operation = message.indexOf(": spawn '");
      reason = operation < 0 ? message : message.substring(0, operation);
    }
    return WireError.of(
        error.constructorName(), "Failed to spawn '" + command + "': " + reason, failure.code());
  }

  /** Starts something; what would have been its input is given up where it does not start. */
  <T extends ChildProcess> T started(
      Optional<InputStream> input, java.util.function.Supplier<T> start) throws IOException {
    T child;
    try {
      child = start.get();
    } catch (RuntimeException e) {
      if (input.isPresent()) {
        input.get().close();
      }
      throw e;
    }
    session.hosted().processes().add(child);
    input.ifPresent(stream -> feed(child, stream));
    return child;
  }

  /** What the client will send to standard input. */
  Optional<InputStream> stdin(Params params) throws InvalidParamsException {
    if (!params.has("stdinStreamId")) {
      params.check();
      return Optional.empty();
    }
    long id = params.integer("stdinStreamId");
    params.check();
    InputStream input = session.claimForLong(id, params, "stdinStreamId");
    params.check();
    return Optional.of(input);
  }

  /** How a process is started; {@code user} and {@code terminal} are ours. */
  static SpawnOptions options(Params params, String arguments) throws InvalidParamsException {
    SpawnOptions.Builder options = SpawnOptions.builder();
    boolean terminal = params.has("terminal");
    if (terminal) {
      Params size = params.object("terminal");
      options.terminal(size.integer("rows", 1, 65_535), size.integer("columns", 1, 65_535));
    } else {
      options
          .stdin(params.has("stdinStreamId") ? Stdio.PIPED : Stdio.NULL)
          .stdout(params.oneOf("stdout", STDIO))
          .stderr(params.oneOf("stderr", STDIO));
    }
    options.args(params.strings(arguments)).env(params.stringMap("env"));
    params.optionalString("cwd").ifPresent(options::cwd);
    params.optionalString("user").ifPresent(options::user);
    if (params.bool("clearEnv", false)) {
      options.clearEnv();
    }
    params.check();
    return options.build();
  }

  /** What the client is told of a process that was started; its output begins to flow. */
  ObjectNode describe(ChildProcess child, SpawnOptions options) {
    ObjectNode node = Json.NODES.objectNode().put("pid", child.pid());
    if (options.stdout() == Stdio.PIPED) {
      node.put("stdoutStreamId", session.outgoing().send(child.stdout(), true));
    } else {
      node.putNull("stdoutStreamId");
    }
    if (options.stderr() == Stdio.PIPED) {
      node.put("stderrStreamId", session.outgoing().send(child.stderr(), true));
    } else {
      node.putNull("stderrStreamId");
    }
    return node;
  }

  private static void feed(ChildProcess child, InputStream input) {
    Thread.ofVirtual()
        .name("stdin of " + child.pid())
        .start(
            () -> {
              try (input;
                  OutputStream stdin = child.stdin()) {
                copy(input, stdin);
              } catch (IOException | RuntimeException e) {
                // The process closed its input or ended, or the client did: nothing is left to do.
              }
            });
    Thread.ofVirtual()
        .name("end of " + child.pid())
        .start(
            () -> {
              // Whatever the client still sends, nobody will read it.
              try (input) {
                child.status();
              } catch (IOException | RuntimeException e) {
                // The sandbox has ended, and the process with it.
              }
            });
  }

  private static void copy(InputStream input, OutputStream output) throws IOException {
    byte[] buffer = new byte[64 << 10];
    int length;
    while ((length = input.read(buffer)) >= 0) {
      output.write(buffer, 0, length);
      output.flush();
    }
  }

  /** The process that a call names. */
  ChildProcess process(Params params) throws InvalidParamsException, Failure {
    int pid = params.integer("pid", 0, Integer.MAX_VALUE);
    params.check();
    Optional<ChildProcess> process = session.hosted().processes().find(pid);
    return process.orElseThrow(
        () ->
            new Failure(
                WireError.of("TypeError", "No process " + pid + " was started here", "ENOENT")));
  }

  private Answer await(Params params) throws Exception {
    ChildProcessStatus status = process(params).status();
    ObjectNode node =
        Json.NODES
            .objectNode()
            .put("success", status.success())
            .put("code", status.code())
            .put("signal", status.signal().map(Signal::name).orElse(null));
    String oom =
        switch (status.oom()) {
          case NO -> null;
          case LIKELY -> "low-confidence";
          case CERTAIN -> "high-confidence";
        };
    return new Answer.Value(node.put("oom", oom));
  }

  private Answer kill(Params params) throws Exception {
    String name = params.optionalString("signal").orElse("SIGTERM");
    boolean release = params.bool("release", false);
    ChildProcess process = process(params);
    if (release) {
      process.close();
      return Answer.DONE;
    }
    for (Signal signal : Signal.values()) {
      if (signal.name().equals(name)) {
        process.kill(signal);
        return Answer.DONE;
      }
    }
    throw new Failure(WireError.of("TypeError", "Invalid signal: " + name, null));
  }

  private Answer resize(Params params) throws Exception {
    int rows = params.integer("rows", 1, 65_535);
    int columns = params.integer("columns", 1, 65_535);
    try {
      process(params).resize(rows, columns);
    } catch (IllegalStateException e) {
      throw new Failure(WireError.of("TypeError", String.valueOf(e.getMessage()), null));
    }
    return Answer.DONE;
  }

  /** Ours: bytes to and from a port of the sandbox. */
  private Answer dial(Params params) throws Exception {
    session.checkStreams();
    int port = params.integer("port", 1, 65_535);
    long from = params.integer("streamId");
    params.check();
    InputStream input = session.claimForLong(from, params, "streamId");
    params.check();
    GuestConnection connection;
    try {
      connection = session.sandbox().dial(port);
    } catch (RuntimeException e) {
      input.close();
      throw e;
    }
    Thread.ofVirtual()
        .name("to port " + port)
        .start(
            () -> {
              try (input;
                  OutputStream output = connection.output()) {
                copy(input, output);
              } catch (IOException | RuntimeException e) {
                // One side broke off; the other direction tells the client.
                connection.close();
              }
            });
    long id = session.outgoing().send(new Closing(connection, input), false);
    return new Answer.Value(Json.NODES.objectNode().put("streamId", id));
  }

  /** What comes from a port; closing it ends the connection, which the client gave up. */
  private static final class Closing extends java.io.FilterInputStream {
    private final GuestConnection connection;
    private final InputStream other;
    private boolean ended;

    Closing(GuestConnection connection, InputStream other) {
      super(connection.input());
      this.connection = connection;
      this.other = other;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
      int read = super.read(target, offset, length);
      ended |= read < 0;
      return read;
    }

    @Override
    public void close() throws IOException {
      if (!ended) {
        connection.close();
        other.close();
      }
    }
  }
}
