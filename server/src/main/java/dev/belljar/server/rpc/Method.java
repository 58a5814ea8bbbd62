package dev.belljar.server.rpc;

import java.nio.ByteBuffer;
import tools.jackson.databind.JsonNode;

/** Something that a client can call. Blocks until it is done; an interrupt aborts it. */
interface Method {

  Answer call(Params params) throws Exception;

  /** What a call that succeeded says. */
  sealed interface Answer {
    /** Nothing but that it succeeded. */
    Answer DONE = new Value(Json.NODES.nullNode());

    static Answer of(boolean value) {
      return new Value(Json.NODES.booleanNode(value));
    }

    static Answer of(long value) {
      return new Value(Json.NODES.numberNode(value));
    }

    static Answer of(String value) {
      return new Value(Json.NODES.stringNode(value));
    }

    /** Plain data. */
    record Value(JsonNode node) implements Answer {}

    /**
     * The content of a file.
     *
     * @param bytes closed when they were sent
     */
    record Content(HeldBytes bytes) implements Answer {}

    /**
     * A part of a file.
     *
     * @param base64 of it, in ASCII
     */
    record Data(ByteBuffer base64) implements Answer {}
  }

  /** An operation failed in a way that has a name of its own on the wire. */
  final class Failure extends Exception {
    private static final long serialVersionUID = 1L;
    private final transient WireError error;

    Failure(WireError error) {
      super(error.message());
      this.error = error;
    }

    WireError error() {
      return error;
    }
  }
}
