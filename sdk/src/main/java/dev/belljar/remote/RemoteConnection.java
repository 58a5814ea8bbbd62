package dev.belljar.remote;

import dev.belljar.GuestConnection;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import tools.jackson.databind.node.ObjectNode;

/**
 * A connection to a port of a sandbox of Belljar's server: one stream each way, whose ends are the
 * halves of TCP's.
 */
final class RemoteConnection implements GuestConnection {
  private final IncomingStream input;
  private final OutgoingStream output;

  private RemoteConnection(IncomingStream input, OutgoingStream output) {
    this.input = input;
    this.output = output;
  }

  static RemoteConnection dial(Rpc rpc, int port) {
    OutgoingStream output = rpc.outgoing();
    try {
      ObjectNode params = Json.object().put("port", port).put("streamId", output.id());
      Reply reply = rpc.call("dial", params, late -> rpc.incoming(late.number("streamId")).close());
      return new RemoteConnection(rpc.incoming(reply.number("streamId")), output);
    } catch (RuntimeException e) {
      rpc.forget(output);
      throw e;
    }
  }

  @Override
  public InputStream input() {
    return input;
  }

  @Override
  public OutputStream output() {
    return output;
  }

  @Override
  public void close() {
    try {
      output.close();
    } catch (IOException e) {
      // The connection to the sandbox is gone, and this one with it.
    }
    input.close();
  }
}
