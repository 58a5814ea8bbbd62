package dev.belljar.server.rpc;

import dev.belljar.FsFile;
import dev.belljar.Sandbox;
import dev.belljar.server.observe.ServerEvents;
import dev.belljar.server.sandboxes.HostedSandbox;
import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What belongs to one socket: its streams both ways and the files that it holds open. Everything
 * ends with it.
 */
final class RpcSession implements AutoCloseable {
  /** As many files as the agent holds open for a whole sandbox. */
  private static final int MOST_FILES = 1024;

  private final HostedSandbox hosted;
  private final Outbox outbox;
  private final IncomingStreams incoming;
  private final OutgoingStreams outgoing;
  private final HeapBudget budget;
  private final ServerEvents events;
  private final Map<Long, FsFile> files = new ConcurrentHashMap<>();
  private final AtomicLong nextFile = new AtomicLong(1);
  private volatile boolean closed;

  RpcSession(
      HostedSandbox hosted,
      Outbox outbox,
      IncomingStreams incoming,
      HeapBudget budget,
      ServerEvents events) {
    this.hosted = hosted;
    this.outbox = outbox;
    this.incoming = incoming;
    this.outgoing = new OutgoingStreams(outbox, events.bytesToClients());
    this.budget = budget;
    this.events = events;
  }

  HostedSandbox hosted() {
    return hosted;
  }

  Sandbox sandbox() {
    return hosted.sandbox();
  }

  IncomingStreams incoming() {
    return incoming;
  }

  OutgoingStreams outgoing() {
    return outgoing;
  }

  HeapBudget budget() {
    return budget;
  }

  ServerEvents events() {
    return events;
  }

  /** Refuses to begin something whose output could not be sent. */
  void checkStreams() throws Method.Failure {
    if (outgoing.full()) {
      throw new Method.Failure(
          WireError.of(
              "Error",
              "At most " + OutgoingStreams.MOST_STREAMS + " streams may be open on a socket",
              "EMFILE"));
    }
  }

  /** Files that are open. */
  int openFiles() {
    return files.size();
  }

  /** What the client sends on a stream that a call names and waits for. */
  InputStream claim(long id, Params params, String name) throws InvalidParamsException {
    return claim(id, false, params, name);
  }

  /** The same for a stream that is read while something lasts, and may start at any time. */
  InputStream claimForLong(long id, Params params, String name) throws InvalidParamsException {
    return claim(id, true, params, name);
  }

  private InputStream claim(long id, boolean forLong, Params params, String name) {
    return incoming
        .claim(id, forLong)
        .orElseGet(
            () -> {
              params.wrong(
                  name, "Stream " + id + " is over, read by another call, or one too many.");
              return InputStream.nullInputStream();
            });
  }

  long open(FsFile file) throws Method.Failure {
    if (files.size() >= MOST_FILES || closed) {
      file.close();
      throw new Method.Failure(
          WireError.of(
              "Error",
              "Too many open files (os error 24): " + MOST_FILES + " on a socket",
              "EMFILE"));
    }
    long id = nextFile.getAndIncrement();
    files.put(id, file);
    if (closed) {
      close();
    }
    return id;
  }

  FsFile file(Params params) throws InvalidParamsException, Method.Failure {
    long id = params.integer("fileHandleId");
    params.check();
    FsFile file = files.get(id);
    if (file == null) {
      throw new Method.Failure(WireError.of("BadResource", "Bad resource ID", null));
    }
    return file;
  }

  void close(Params params) throws InvalidParamsException, Method.Failure {
    FsFile file = file(params);
    if (files.values().remove(file)) {
      file.close();
    }
  }

  /** Tells the client something that it did not ask for. */
  void tell(String method, String params) {
    try {
      outbox.send("{\"jsonrpc\":\"2.0\",\"method\":\"" + method + "\",\"params\":" + params + "}");
    } catch (IOException e) {
      // It is gone, and so is the wish to know.
    }
  }

  @Override
  public void close() {
    closed = true;
    incoming.close();
    outgoing.close();
    for (FsFile file : files.values()) {
      Thread.ofVirtual().name("close").start(file::close);
    }
    files.clear();
  }
}
