package dev.belljar.engine;

import dev.belljar.engine.agent.AgentConnection.Incoming;
import dev.belljar.engine.agent.AgentConnection.IncomingStreams;
import dev.belljar.engine.agent.NoStreams;
import dev.belljar.engine.pool.MachinePool;
import dev.belljar.engine.vmm.Machine;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A machine that waits to become a sandbox's; until then it reaches nothing. */
final class ReadyMachine implements MachinePool.Waiting {
  private static final Logger LOG = LoggerFactory.getLogger(ReadyMachine.class);

  private final Machine machine;
  private final Network network;

  private ReadyMachine(Machine machine, Network network) {
    this.machine = machine;
    this.network = network;
  }

  /** How a machine is started whose guest's connections go there. */
  interface Start {
    Machine with(IncomingStreams network) throws IOException;
  }

  static ReadyMachine start(Start start) throws IOException {
    Network network = new Network();
    return new ReadyMachine(start.with(network), network);
  }

  /** From now on it reaches what that lets it, and whoever asked owns it. */
  Machine handOver(IncomingStreams owner) {
    network.owner = owner;
    return machine;
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
