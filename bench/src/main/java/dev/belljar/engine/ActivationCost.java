package dev.belljar.engine;

import dev.belljar.Sandbox;
import dev.belljar.engine.agent.Agent;
import dev.belljar.engine.agent.AgentErrorException;
import java.io.IOException;
import java.time.Instant;

/** What of making a sandbox is the guest's: the same again, in one that is made. */
public final class ActivationCost {
  private static final String MACHINE_ID = "00112233445566778899aabbccddeeff";

  private ActivationCost() {}

  /** Milliseconds until that sandbox's agent has given its machine a name, a clock and entropy. */
  public static double measure(Sandbox sandbox) throws IOException, AgentErrorException {
    Agent agent = ((LocalSandbox) sandbox).agent();
    byte[] entropy = new byte[256];
    long began = System.nanoTime();
    agent.activate(new Agent.Activation(Instant.now(), entropy, "bench", MACHINE_ID, 1024, false));
    return (System.nanoTime() - began) / 1e6;
  }
}
