package dev.belljar.engine.agent;

import dev.belljar.engine.agent.AgentConnection.Call;
import dev.belljar.engine.agent.AgentConnection.ExitListener;
import dev.belljar.engine.agent.AgentConnection.ProcessExit;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** A process that the agent started. */
public final class AgentProcess {
  private static final int E2BIG = 7;

  private final Agent agent;
  private final int call;
  private final int pid;
  private final CompletableFuture<ProcessExit> exit;
  private final Optional<AgentStream> stdin;
  private final Optional<AgentStream> stdout;
  private final Optional<AgentStream> stderr;

  private AgentProcess(
      Agent agent,
      int call,
      int pid,
      CompletableFuture<ProcessExit> exit,
      Optional<AgentStream> stdin,
      Optional<AgentStream> stdout,
      Optional<AgentStream> stderr) {
    this.agent = agent;
    this.call = call;
    this.pid = pid;
    this.exit = exit;
    this.stdin = stdin;
    this.stdout = stdout;
    this.stderr = stderr;
  }

  /**
   * What to start (docs/agent-protocol.md, SPAWN).
   *
   * @param argv the command and its arguments
   * @param env {@code K=V}, complete
   * @param cwd absolute, or empty for the user's home
   * @param user a name, or {@code uid:gid}
   * @param stdin whether it is a stream; otherwise it is at its end at once
   * @param stdout whether it is a stream; otherwise it is thrown away
   * @param stderr whether it is a stream; otherwise it is thrown away
   * @param rows of the terminal; 0 for none
   * @param columns of the terminal; 0 for none
   */
  public record Start(
      List<String> argv,
      List<String> env,
      String cwd,
      String user,
      int umask,
      boolean stdin,
      boolean stdout,
      boolean stderr,
      int rows,
      int columns) {}

  static AgentProcess spawn(Agent agent, AgentConnection connection, Start start)
      throws IOException, AgentErrorException {
    boolean terminal = start.rows > 0;
    var exit = new CompletableFuture<ProcessExit>();
    Optional<AgentStream> stdin = stream(connection, start.stdin, true);
    Optional<AgentStream> stdout = stream(connection, start.stdout, false);
    Optional<AgentStream> stderr = stream(connection, start.stderr && !terminal, false);
    BodyWriter body =
        new BodyWriter()
            .str(start.cwd)
            .str(start.user)
            .u32(start.umask)
            .list(start.argv)
            .list(start.env)
            .bool(stdin.isPresent())
            .bool(stdout.isPresent())
            .u8(terminal ? 2 : stderr.isPresent() ? 1 : 0)
            .u32(stdin.map(AgentStream::id).orElse(0))
            .u32(stdout.map(AgentStream::id).orElse(0))
            .u32(stderr.map(AgentStream::id).orElse(0))
            .bool(terminal)
            .u16(start.rows)
            .u16(start.columns);
    String what = "spawn '" + start.argv.getFirst() + "'";
    Call call = null;
    try {
      call = connection.start(Operation.SPAWN, body, new Listener(exit));
      int pid = agent.await(call, what).u32();
      return new AgentProcess(agent, call.id(), pid, exit, stdin, stdout, stderr);
    } catch (IOException | AgentErrorException e) {
      if (call != null) {
        connection.forgetProcess(call.id());
      }
      stdin.ifPresent(connection::forget);
      stdout.ifPresent(connection::forget);
      stderr.ifPresent(connection::forget);
      if (e instanceof CallTooLargeException) {
        throw new AgentErrorException(E2BIG, what);
      }
      throw e;
    }
  }

  /** Its number in the guest. */
  public int pid() {
    return pid;
  }

  /** Completes when it has ended, or exceptionally when the connection has. */
  public CompletableFuture<ProcessExit> exit() {
    return exit;
  }

  /** What it reads, where that is a stream. */
  public Optional<AgentStream> stdin() {
    return stdin;
  }

  /** What it writes, where that is a stream. */
  public Optional<AgentStream> stdout() {
    return stdout;
  }

  /** What it writes to standard error, where that is a stream. */
  public Optional<AgentStream> stderr() {
    return stderr;
  }

  /** Sends a signal to it, or to everything that it started as well. ESRCH where it has ended. */
  public void kill(int signal, boolean tree) throws IOException, AgentErrorException {
    agent.call(
        Operation.KILL, new BodyWriter().u32(call).u32(signal).bool(tree), "kill process " + pid);
  }

  /** Changes the size of its terminal. */
  public void resize(int rows, int columns) throws IOException, AgentErrorException {
    agent.call(
        Operation.RESIZE, new BodyWriter().u32(call).u16(rows).u16(columns), "resize the terminal");
  }

  private static Optional<AgentStream> stream(
      AgentConnection connection, boolean wanted, boolean sends) throws IOException {
    return wanted ? Optional.of(connection.newStream(sends, !sends)) : Optional.empty();
  }

  private record Listener(CompletableFuture<ProcessExit> exit) implements ExitListener {
    @Override
    public void onExit(ProcessExit how) {
      exit.complete(how);
    }

    @Override
    public void onConnectionEnd(IOException reason) {
      exit.completeExceptionally(reason);
    }
  }
}
