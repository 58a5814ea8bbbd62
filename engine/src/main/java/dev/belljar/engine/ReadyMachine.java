package dev.belljar.engine;

import dev.belljar.engine.agent.Agent;
import dev.belljar.engine.agent.AgentConnection.Incoming;
import dev.belljar.engine.agent.AgentConnection.IncomingStreams;
import dev.belljar.engine.agent.AgentErrorException;
import dev.belljar.engine.agent.AgentProcess;
import dev.belljar.engine.agent.NoStreams;
import dev.belljar.engine.pool.MachinePool;
import dev.belljar.engine.vmm.Machine;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A machine that waits to become a sandbox's; until then it reaches nothing. */
final class ReadyMachine implements MachinePool.Waiting {
  private static final Logger LOG = LoggerFactory.getLogger(ReadyMachine.class);

  private static final Duration LONGEST_START = Duration.ofSeconds(10);

  private final String edition;
  private final Machine machine;
  private final Network network;

  /** Deno's process from its start until it answers; stays where it never did. */
  private @Nullable AgentProcess starting;

  private Optional<WarmDeno> deno = Optional.empty();
  private boolean taken;

  private ReadyMachine(String edition, Machine machine, Network network) {
    this.edition = edition;
    this.machine = machine;
    this.network = network;
  }

  /** How a machine is started whose guest's connections go there. */
  interface Start {
    Machine with(IncomingStreams network) throws IOException;
  }

  /** What it does until it is handed over stands back behind sandboxes that run. */
  static ReadyMachine start(Origin origin, Start start) throws IOException {
    Network network = new Network();
    Machine machine = start.with(network);
    machine.stepBack();
    return new ReadyMachine(origin.edition(), machine, network);
  }

  /** Whether a sandbox that begins as that may have it. */
  boolean isOf(Origin origin) {
    return edition.equals(origin.edition());
  }

  /**
   * A machine that belongs to a sandbox.
   *
   * @param deno what waits in it
   */
  record Handed(Machine machine, Optional<WarmDeno> deno) {}

  /** From now on it reaches what that lets it, and whoever asked owns it. */
  synchronized Handed handOver(IncomingStreams owner) {
    taken = true;
    if (starting != null) {
      // It would take another second, of which the sandbox would wait for a part.
      WarmDeno.end(starting);
    }
    network.owner = owner;
    machine.takeFullShare();
    return new Handed(machine, deno);
  }

  /**
   * Has a program run in Deno once, and an evaluator wait in it; blocks until it does, or the
   * machine was taken.
   */
  void warm() throws IOException {
    try {
      AgentProcess rehearsal = begin(WarmDeno::rehearse);
      if (rehearsal == null) {
        return;
      }
      WarmDeno.awaitEnd(rehearsal);
      AgentProcess process = begin(WarmDeno::spawn);
      if (process != null) {
        WarmDeno ready = WarmDeno.await(machine.agent(), process);
        keep(process, ready);
      }
    } catch (AgentErrorException e) {
      throw new IOException("Deno does not start in it (" + e.getMessage() + ")", e);
    }
  }

  private interface Starter {
    AgentProcess start(Agent agent) throws IOException, AgentErrorException;
  }

  /** A guest that does not answer must not keep whoever takes the machine. */
  private @Nullable AgentProcess begin(Starter starter) throws IOException, AgentErrorException {
    synchronized (this) {
      if (taken) {
        return null;
      }
    }
    AgentProcess process =
        InTime.ask("start of Deno", LONGEST_START, () -> starter.start(machine.agent()));
    synchronized (this) {
      if (taken) {
        WarmDeno.end(process);
        return null;
      }
      starting = process;
    }
    return process;
  }

  private synchronized void keep(AgentProcess process, WarmDeno ready) {
    if (taken) {
      WarmDeno.end(process);
      return;
    }
    starting = null;
    deno = Optional.of(ready);
  }

  Machine machine() {
    return machine;
  }

  @Override
  public boolean isAlive() {
    return machine.process().isAlive() && !machine.agent().ended().isDone();
  }

  @Override
  public void close() {
    try {
      machine.close();
    } catch (IOException e) {
      LOG.warn("A machine's files cannot be removed: {}. The next start will.", e.getMessage());
    }
  }

  private static final class Network implements IncomingStreams {
    private volatile IncomingStreams owner = new NoStreams();

    @Override
    public void connect(Incoming stream, String nameOrAddress, boolean isName, int port) {
      owner.connect(stream, nameOrAddress, isName, port);
    }

    @Override
    public void lookup(Incoming stream, String name) {
      owner.lookup(stream, name);
    }
  }
}
