package dev.belljar.engine;

import dev.belljar.GuestConnection;
import dev.belljar.engine.agent.AgentStream;
import java.io.InputStream;
import java.io.OutputStream;

/** A connection into a machine of this host. */
record LocalGuestConnection(AgentStream stream) implements GuestConnection {

  @Override
  public InputStream input() {
    return stream.input();
  }

  @Override
  public OutputStream output() {
    return stream.output();
  }

  @Override
  public void close() {
    stream.close();
  }
}
