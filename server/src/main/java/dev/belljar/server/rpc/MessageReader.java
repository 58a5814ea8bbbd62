package dev.belljar.server.rpc;

import dev.belljar.server.sandboxes.Closing;
import java.nio.ByteBuffer;
import java.nio.charset.MalformedInputException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * Puts the messages of one client together, within the heap's budget, and tells what they are. One
 * thread reads; any may close.
 */
final class MessageReader implements AutoCloseable {
  /** What a message costs beside its text: its thread and its tree. */
  private static final int MESSAGE_COST = 1024;

  /** The longest id that a request may have; it is repeated in the answer. */
  private static final int LONGEST_ID = 256;

  private static final Arrived NO_MEMORY =
      new Arrived.Wrong(Closing.TRY_AGAIN_LATER, "The server has no memory left for this message.");

  private final HeapBudget budget;
  private final AtomicLong taken = new AtomicLong();
  private volatile boolean closed;
  private @Nullable IncomingMessage message;

  MessageReader(HeapBudget budget) {
    this.budget = budget;
  }

  /** What came. */
  sealed interface Arrived {
    /** A part of a message. */
    record Part() implements Arrived {}

    /** The question whether anybody is there. */
    record Ping() implements Arrived {}

    /**
     * A request, a notification or an answer.
     *
     * @param id none of a notification
     * @param method none of an answer
     * @param held of the heap, to be given back by who gets this
     */
    record Message(
        Optional<JsonNode> id, Optional<String> method, @Nullable JsonNode params, long held)
        implements Arrived {}

    /** Nothing that a client may send. */
    record Wrong(int code, String reason) implements Arrived {}
  }

  /** Takes what came next; UTF-8, cut anywhere. */
  Arrived add(ByteBuffer part, boolean last) {
    IncomingMessage incoming = message == null ? new IncomingMessage() : message;
    message = incoming;
    incoming.add(part);
    if (incoming.characters() > RpcSocket.LARGEST_MESSAGE) {
      return new Arrived.Wrong(
          Closing.TOO_BIG,
          "A message may have " + (RpcSocket.LARGEST_MESSAGE >> 20) + " MiB at most.");
    }
    if (!grow(incoming.cost())) {
      return NO_MEMORY;
    }
    if (!last) {
      return new Arrived.Part();
    }
    message = null;
    return read(incoming);
  }

  /** Takes what the message needs now; given back by whoever comes first, the end or it. */
  private boolean grow(long cost) {
    long more = cost + MESSAGE_COST - taken.get();
    if (more > 0) {
      if (!budget.tryTake(more)) {
        return false;
      }
      taken.addAndGet(more);
      if (closed) {
        budget.give(taken.getAndSet(0));
      }
    }
    return true;
  }

  private Arrived read(IncomingMessage incoming) {
    if (incoming.is("ping")) {
      budget.give(taken.getAndSet(0));
      return new Arrived.Ping();
    }
    JsonNode root;
    try {
      root = incoming.tree();
    } catch (MalformedInputException e) {
      return new Arrived.Wrong(Closing.INVALID_TEXT, "Messages are UTF-8.");
    } catch (JacksonException e) {
      return new Arrived.Wrong(Closing.INVALID_JSON, "Invalid JSON");
    }
    if (root.isMissingNode()) {
      return new Arrived.Wrong(Closing.INVALID_JSON, "Invalid JSON");
    }
    JsonNode content = contentOf(root);
    if (incoming.hasDecodedMoreThan(content)) {
      if (!grow(incoming.costOfText())) {
        return NO_MEMORY;
      }
      IncomingMessage.restoreStrings(root, content);
    }
    if (!isMessage(root)) {
      return new Arrived.Wrong(Closing.INVALID_JSON_RPC, "Invalid message");
    }
    return new Arrived.Message(
        Optional.ofNullable(root.get("id")),
        Optional.ofNullable(root.get("method")).map(JsonNode::stringValue),
        root.get("params"),
        taken.getAndSet(0));
  }

  /** What may stay decoded, as its method wants bytes; a missing node where there is no such. */
  private static JsonNode contentOf(JsonNode root) {
    JsonNode method = root.path("method");
    if (!method.isString()) {
      return Json.NODES.missingNode();
    }
    return switch (method.stringValue()) {
      case "writeFile" -> root.path("params").path("content");
      case "$sandbox.stream.enqueue", "fileWrite" -> root.path("params").path("data");
      default -> Json.NODES.missingNode();
    };
  }

  private static boolean isMessage(JsonNode root) {
    JsonNode version = root.get("jsonrpc");
    if (!root.isObject()
        || version == null
        || !version.isString()
        || !version.stringValue().equals("2.0")) {
      return false;
    }
    JsonNode id = root.get("id");
    JsonNode method = root.get("method");
    boolean goodId = id == null || isId(id);
    return goodId
        && (method == null
            ? id != null && (root.has("result") || root.has("error"))
            : method.isString());
  }

  private static boolean isId(JsonNode id) {
    return id.isString()
        ? id.stringValue().length() <= LONGEST_ID
        : id.isNumber() && Double.isFinite(id.doubleValue());
  }

  /** Gives back what an unfinished message holds. */
  @Override
  public void close() {
    closed = true;
    budget.give(taken.getAndSet(0));
  }
}
