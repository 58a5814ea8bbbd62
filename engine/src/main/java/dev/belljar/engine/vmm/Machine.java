package dev.belljar.engine.vmm;

import dev.belljar.engine.agent.Agent;
import dev.belljar.engine.agent.AgentConnection.IncomingStreams;
import dev.belljar.engine.storage.FileTree;
import dev.belljar.engine.storage.LeftProcesses;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A running microVM: a jailed QEMU, its monitor, and the agent on its channel. Owns its run
 * directory, and removes it when closed.
 */
public final class Machine implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Machine.class);
  private static final int LONGEST_SOCKET_PATH = 100;
  private static final int OWNER_ONLY = 0600;
  private static final int MONITOR_MILLIS = 10_000;

  /** What the guest has under way is written first, however slow the host's disk is. */
  private static final int STOP_MILLIS = 30_000;

  /** Of all that it takes to switch disks; whoever else wants storage waits meanwhile. */
  private static final int SWITCH_MILLIS = 5_000;

  private static final int CONDITION_MILLIS = 2_000;
  private static final String QUERY_STATUS = "{\"execute\":\"query-status\"}";
  private static final AtomicInteger HEADS = new AtomicInteger();
  static final String CAPABILITIES = "{\"execute\":\"qmp_capabilities\"}";
  private static final String IGNORE_SHARED =
      "{\"execute\":\"migrate-set-capabilities\",\"arguments\":{\"capabilities\":[{\"capability\":\"x-ignore-shared\",\"state\":true}]}}";

  private final Path run;
  private final MachineLog log;
  private final Process process;
  private final Qmp monitor;
  private final Agent agent;
  private final Confinement confinement;
  private volatile boolean paused;
  private final MachineFiles files;

  /** What the guest writes to by now, of disks that were given a new head. */
  private final Map<String, Head> heads = new ConcurrentHashMap<>();

  private Machine(
      MachineFiles files,
      MachineLog log,
      Process process,
      Qmp monitor,
      Agent agent,
      Confinement confinement) {
    this.files = files;
    this.log = log;
    this.run = files.run();
    this.process = process;
    this.monitor = monitor;
    this.agent = agent;
    this.confinement = confinement;
  }

  /**
   * Starts a machine: restores it where the files have a state, boots it otherwise. Returns as soon
   * as QEMU is connected and its jail has been looked at; what is sent to the agent is answered
   * once the guest runs. On failure the run directory is removed.
   *
   * @param limit how long QEMU may take to connect
   * @throws IncompleteJailException where the jail lacks something and that is not accepted
   */
  public static Machine start(
      Jail jail, MachineShape shape, MachineFiles files, IncomingStreams egress, Duration limit)
      throws IOException {
    Path run = files.run();
    long began = System.nanoTime();
    @Nullable MachineLog log = null;
    @Nullable Process process = null;
    @Nullable Confinement confinement = null;
    List<SocketChannel> sockets = new ArrayList<>(2);
    try (ServerSocketChannel monitorListener =
            listen(files.user(), run.resolve(MachineFiles.MONITOR_SOCKET));
        ServerSocketChannel channelListener =
            listen(files.user(), run.resolve(MachineFiles.CHANNEL_SOCKET))) {
      log = MachineLog.create(run);
      files.user().take(run);
      process = launch(jail, shape, files, log);
      Thread limiter = closeWhenDeadOrLate(process, limit, monitorListener, channelListener);
      SocketChannel monitorSocket = accept(monitorListener, process, log, limit);
      sockets.add(monitorSocket);
      SocketChannel channelSocket = accept(channelListener, process, log, limit);
      sockets.add(channelSocket);
      limiter.interrupt();
      LOG.debug("QEMU connected after {} µs", (System.nanoTime() - began) / 1000);
      Qmp monitor = new Qmp(monitorSocket);
      monitor.send(CAPABILITIES, IGNORE_SHARED);
      if (files.state().isPresent()) {
        // The state is QEMU's standard input. It was saved running, so it runs when it is loaded.
        monitor.send("{\"execute\":\"migrate-incoming\",\"arguments\":{\"uri\":\"fd:0\"}}");
      }
      // While the state is loaded. No user's code runs before this has returned.
      confinement = Confinement.impose(jail, process, shape, files);
      Agent agent = new Agent(channelSocket, egress);
      return new Machine(files, log, process, monitor, agent, confinement);
    } catch (IOException | RuntimeException e) {
      String complaints = "";
      if (process != null) {
        // A jail that is half made does not take its first child with it yet.
        List<ProcessHandle> children = process.descendants().toList();
        end(process);
        children.forEach(ProcessHandle::destroyForcibly);
        complaints = log == null ? "" : log.complaints();
      }
      if (confinement != null) {
        confinement.lift();
      }
      clear(run, log, sockets);
      if (complaints.isEmpty()
          || e instanceof MachineException
          || e instanceof IncompleteJailException) {
        throw e;
      }
      throw new MachineException(complaints, e);
    } finally {
      Files.deleteIfExists(jail.mountTable(files));
    }
  }

  /** The agent inside. */
  public Agent agent() {
    return agent;
  }

  /** The process on this host that the machine is. */
  public ProcessHandle process() {
    return process.toHandle();
  }

  /** What confines the machine, in a few words, and what it lacks where that was accepted. */
  public String jail() {
    return confinement.describe();
  }

  /** Gets no more than a tenth of the processor time of other machines where they want it too. */
  public void stepBack() {
    confinement.share(false);
  }

  /** Gets as much as other machines again. */
  public void takeFullShare() {
    confinement.share(true);
  }

  /**
   * Checks that QEMU took the commands it was started with; a restored machine that does not answer
   * is told apart by this.
   */
  public void checkMonitor() throws IOException {
    monitor.settle(MONITOR_MILLIS);
  }

  /**
   * How it is with a machine that does not answer, for the log: what its monitor says, for how long
   * it had a processor, and how busy this host is. Waits for the monitor, for at most 2 s.
   */
  public String condition() {
    Optional<ProcessHandle> qemu = ProcessHandle.of(confinement.pid());
    if (qemu.filter(ProcessHandle::isAlive).isEmpty()) {
      return "QEMU has ended. Load of this host: %s.".formatted(load());
    }
    String status;
    try {
      status = monitor.ask(QUERY_STATUS, CONDITION_MILLIS);
    } catch (IOException e) {
      status = e.toString();
    }
    Duration processor = qemu.flatMap(one -> one.info().totalCpuDuration()).orElse(Duration.ZERO);
    return "QEMU: %s, had a processor for %d ms. Load of this host: %s."
        .formatted(status, processor.toMillis(), load());
  }

  private static String load() {
    try {
      return Files.readString(Path.of("/proc/loadavg")).strip();
    } catch (IOException e) {
      return "unknown";
    }
  }

  /**
   * Saves the devices' state and stops the machine for good; its memory is in its file by then.
   *
   * @param state the file to write
   */
  public void freeze(Path state) throws IOException {
    Path socket = run.resolve("state");
    try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      listener.bind(UnixDomainSocketAddress.of(socket));
      Files.setAttribute(socket, "unix:mode", OWNER_ONLY);
      confinement.user().take(socket);
      monitor.ask(
          "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"unix:" + Jail.RUN + "/state\"}}",
          MONITOR_MILLIS);
      try (SocketChannel source = listener.accept();
          var target =
              Files.newByteChannel(
                  state, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        Channels.newInputStream(source).transferTo(Channels.newOutputStream(target));
      }
    }
    awaitMigrated();
  }

  /**
   * Tells the guest of the sizes of its disks, which it cannot know from the template. Blocks until
   * the guest runs.
   */
  public void announce(List<MachineDisk> disks) throws IOException {
    awaitRunning();
    for (MachineDisk disk : disks) {
      monitor.ask(
          "{\"execute\":\"block_resize\",\"arguments\":{\"node-name\":\"%s\",\"size\":%d}}"
              .formatted(disk.node(), disk.bytes()),
          MONITOR_MILLIS);
    }
  }

  /**
   * Stops the guest: it uses no processor, and its clock stands still. Idempotent. Where it is not
   * known whether it did, the machine is ended.
   */
  public void pause() throws IOException {
    certainly("{\"execute\":\"stop\"}");
    paused = true;
  }

  /**
   * Lets the guest go on. Idempotent. Where it is not known whether it did, the machine is ended.
   */
  public void resume() throws IOException {
    certainly("{\"execute\":\"cont\"}");
    paused = false;
  }

  /** Whether the guest was stopped. */
  public boolean isPaused() {
    return paused;
  }

  private void certainly(String command) throws IOException {
    try {
      monitor.ask(command, STOP_MILLIS);
    } catch (RefusedByMonitorException e) {
      throw e;
    } catch (IOException e) {
      abort();
      throw e;
    }
  }

  /** Ends QEMU at once; whoever has the machine is told and closes it. */
  private void abort() {
    end(process);
    LOG.warn("A machine was ended that did not do what it was told. {}", complaints());
  }

  /**
   * Saves the devices' state of a machine that is paused.
   *
   * @param name the file to make in the machine's directory, {@link #run}
   */
  public void saveDevices(String name) throws IOException {
    monitor.ask(
        "{\"execute\":\"xen-save-devices-state\",\"arguments\":{\"filename\":\"%s/%s\",\"live\":false}}"
            .formatted(Jail.RUN, name),
        MONITOR_MILLIS);
  }

  /**
   * Writes what the guest's memory differs in from the template's to a copy of that.
   *
   * @param target a copy of the file of the memory that the machine was restored from
   * @return how many bytes were written
   */
  public long saveMemory(Path target) throws IOException {
    return new DirtyMemory(confinement.pid(), Files.size(target)).writeTo(target);
  }

  /** The machine's own directory. */
  public Path run() {
    return run;
  }

  /** What the machine was started with. */
  public MachineFiles files() {
    return files;
  }

  /**
   * A file that a disk is to be written to from now on.
   *
   * @param disk as the machine was started with it; empty for the machine's own
   * @param name the file's, in the directory of the disk's uppermost layer
   */
  public record NewHead(Optional<MachineDisk> disk, String name) {}

  /**
   * Has the guest write to another file, above the one that it writes to now. What the guest has
   * under way is finished first. All of them are switched or none; where it is not known which, the
   * machine is ended, so that nothing more is written anywhere.
   *
   * @throws RefusedByMonitorException where none is, and the guest writes to what it wrote to
   */
  public void switchHeads(List<NewHead> heads) throws IOException {
    try {
      switchTo(heads);
    } catch (RefusedByMonitorException e) {
      throw e;
    } catch (IOException e) {
      abort();
      throw e;
    }
  }

  private void switchTo(List<NewHead> heads) throws IOException {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(SWITCH_MILLIS);
    List<Switch> switches = new ArrayList<>();
    for (NewHead head : heads) {
      Switch one = prepare(head);
      ask("blockdev-add", one.chain.head(one.now.node, one.now.file), deadline);
      switches.add(one);
    }
    String actions =
        switches.stream()
            .map(
                one ->
                    "{\"type\":\"blockdev-snapshot\",\"data\":{\"node\":\"%s\",\"overlay\":\"%s\"}}"
                        .formatted(one.old.node, one.now.node))
            .collect(Collectors.joining(","));
    ask("transaction", "{\"actions\":[" + actions + "]}", deadline);
    switches.forEach(one -> this.heads.put(one.chain.node(), one.now));
    switches.forEach(one -> reopenReadOnly(one, deadline));
  }

  /** They are switched by now; without this, no other machine can open the old file. */
  private void reopenReadOnly(Switch one, long deadline) {
    try {
      ask(
          "blockdev-reopen",
          "{\"options\":%s}"
              .formatted(one.chain.readOnly(one.old.node, one.old.below, one.old.file)),
          deadline);
    } catch (IOException e) {
      LOG.warn("{} stays locked until its machine ends: {}", one.old.file, e.getMessage());
    }
  }

  private Switch prepare(NewHead head) {
    DiskChain chain = head.disk.map(files::chain).orElseGet(files::ownChain);
    DiskChain.Link top = chain.links().getFirst();
    Head first = new Head(chain.node(), chain.links().size() == 1 ? "" : chain.name(1), top.path());
    Head old = heads.getOrDefault(chain.node(), first);
    Head now =
        new Head(
            chain.node() + "head" + HEADS.incrementAndGet(), old.node, top.directory() + head.name);
    return new Switch(chain, old, now);
  }

  private void ask(String command, String arguments, long deadline) throws IOException {
    long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
    if (left <= 0) {
      throw new IOException(
          "QEMU takes longer than %d ms to switch disks".formatted(SWITCH_MILLIS));
    }
    monitor.ask("{\"execute\":\"%s\",\"arguments\":%s}".formatted(command, arguments), left);
  }

  private record Switch(DiskChain chain, Head old, Head now) {}

  /**
   * What the guest writes to.
   *
   * @param node QEMU's node
   * @param below the node below; empty where there is none
   * @param file its file in the jail
   */
  private record Head(String node, String below, String file) {}

  /** Whom the machine's process runs as. */
  public JailUser user() {
    return files.user();
  }

  /** What QEMU or the jail complained about, for messages; at most a few lines. */
  public String complaints() {
    return log.complaints();
  }

  /** Ends the machine at once and removes its files. Idempotent. */
  @Override
  public void close() throws IOException {
    agent.close();
    end(process);
    confinement.lift();
    try (log) {
      monitor.close();
    } finally {
      FileTree.delete(run);
    }
  }

  /** Of a machine that did not come to be; the failure that is known already says why. */
  private static void clear(Path run, @Nullable MachineLog log, List<SocketChannel> sockets) {
    for (SocketChannel socket : sockets) {
      try {
        socket.close();
      } catch (IOException e) {
        LOG.debug("A socket of a machine that is gone did not close", e);
      }
    }
    try (log) {
      FileTree.delete(run);
    } catch (IOException e) {
      LOG.warn("Cannot clear {}: {}. The next start will.", run, e.getMessage());
    }
  }

  private void awaitRunning() throws IOException {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(MONITOR_MILLIS);
    String status;
    do {
      status = monitor.ask(QUERY_STATUS, MONITOR_MILLIS);
      if (System.nanoTime() > deadline) {
        throw new MachineException(
            "QEMU does not run the machine (" + status + "). " + complaints());
      }
    } while (!status.equals("running"));
  }

  private void awaitMigrated() throws IOException {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(MONITOR_MILLIS);
    while (true) {
      String status = monitor.ask("{\"execute\":\"query-migrate\"}", MONITOR_MILLIS);
      if (status.equals("completed")) {
        return;
      }
      if (status.equals("failed") || System.nanoTime() > deadline) {
        throw new MachineException(
            "QEMU could not save the machine (" + status + "). " + complaints());
      }
      Thread.onSpinWait();
    }
  }

  private static Process launch(Jail jail, MachineShape shape, MachineFiles files, MachineLog log)
      throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(jail.command(files, shape.accelerator(), QemuCommand.of(shape, files)));
    LeftProcesses.mark(builder.environment(), files.run());
    builder.redirectInput(
        files.state().map(Path::toFile).orElseGet(() -> Path.of("/dev/null").toFile()));
    builder.redirectErrorStream(true);
    builder.redirectOutput(log.file().toFile());
    return Spawner.start(builder);
  }

  static ServerSocketChannel listen(JailUser user, Path socket) throws IOException {
    if (socket.toString().length() > LONGEST_SOCKET_PATH) {
      throw new MachineException(
          "The path "
              + socket
              + " is too long for a socket. Set BELLJAR_CACHE to a shorter directory.");
    }
    ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    listener.bind(UnixDomainSocketAddress.of(socket), 1);
    Files.setAttribute(socket, "unix:mode", OWNER_ONLY);
    user.take(socket);
    return listener;
  }

  /**
   * Makes the wait for a QEMU that died or is late end; to be interrupted when the wait is over.
   */
  static Thread closeWhenDeadOrLate(
      Process process, Duration limit, ServerSocketChannel... listeners) {
    return Thread.ofVirtual()
        .name("machine-start-limit")
        .start(
            () -> {
              try {
                process.onExit().get(limit.toMillis(), TimeUnit.MILLISECONDS);
              } catch (InterruptedException e) {
                return;
              } catch (ExecutionException | TimeoutException e) {
                // Late: the listeners are closed as for one that died.
              }
              for (ServerSocketChannel listener : listeners) {
                try {
                  listener.close();
                } catch (IOException e) {
                  // Whoever waits on it finds out.
                }
              }
            });
  }

  static SocketChannel accept(
      ServerSocketChannel listener, Process process, MachineLog log, Duration limit)
      throws IOException {
    try {
      return listener.accept();
    } catch (IOException e) {
      String how =
          process.isAlive()
              ? "QEMU did not connect in " + limit.toMillis() + " ms."
              : "QEMU ended with exit code " + process.exitValue() + ".";
      throw new MachineException((how + " " + log.complaints()).strip(), e);
    }
  }

  static void end(Process process) {
    process.destroyForcibly();
    boolean interrupted = false;
    while (true) {
      try {
        process.waitFor();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
