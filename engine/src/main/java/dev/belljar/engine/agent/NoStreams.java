package dev.belljar.engine.agent;

import dev.belljar.engine.agent.AgentConnection.Incoming;
import dev.belljar.engine.agent.AgentConnection.IncomingStreams;

/** What a machine that belongs to no sandbox reaches: nothing. */
public final class NoStreams implements IncomingStreams {
  private static final int EACCES = 13;

  @Override
  public void connect(Incoming stream, String nameOrAddress, boolean isName, int port) {
    stream.refuse(EACCES);
  }

  @Override
  public void lookup(Incoming stream, String name) {
    stream.refuse(EACCES);
  }
}
