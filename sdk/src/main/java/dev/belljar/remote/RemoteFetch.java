package dev.belljar.remote;

import dev.belljar.BelljarException;
import dev.belljar.FetchException;
import dev.belljar.FetchRequest;
import dev.belljar.FetchResponse;
import dev.belljar.remote.Rpc.Outcome;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import tools.jackson.databind.node.ObjectNode;

/** HTTP requests from within a sandbox of a server. */
final class RemoteFetch {
  private static final int CHUNK = 64 << 10;

  private RemoteFetch() {}

  /**
   * Makes a request.
   *
   * @param pid the Deno program that is to answer it; empty is whoever the URL names
   */
  static FetchResponse fetch(Rpc rpc, FetchRequest request, OptionalInt pid) {
    List<List<String>> headers =
        request.headers().stream()
            .map(header -> List.of(header.getKey(), header.getValue()))
            .toList();
    ObjectNode params =
        Json.object("url", request.url().toString())
            .put("method", request.method())
            .put("redirect", request.followRedirects() ? "follow" : "manual");
    params.set("headers", Json.array(headers));
    pid.ifPresent(number -> params.put("pid", number));
    Optional<OutgoingStream> body = request.body().map(bytes -> rpc.outgoing());
    body.ifPresent(stream -> params.put("bodyStreamId", stream.id()));
    body.ifPresent(
        stream ->
            Thread.ofVirtual()
                .name("body of a request")
                .start(() -> pump(request.body().orElseThrow(), stream)));
    try {
      Outcome outcome =
          rpc.abortable("fetch", params, late -> body(rpc, late).ifPresent(IncomingStream::close));
      if (outcome instanceof Outcome.Failed failed) {
        RemoteError error = failed.error();
        if (error.paused()) {
          throw error.exception();
        }
        throw new FetchException(
            error.message().isEmpty() ? error.constructorName() : error.message());
      }
      return response(rpc, outcome.orThrow());
    } catch (BelljarException e) {
      body.ifPresent(stream -> giveUp(rpc, stream));
      throw e;
    }
  }

  private static FetchResponse response(Rpc rpc, Reply reply) {
    Optional<IncomingStream> body = body(rpc, reply);
    try {
      List<Map.Entry<String, String>> headers = new ArrayList<>();
      for (Reply header : reply.member("headers").list()) {
        List<Reply> pair = header.list();
        headers.add(
            Map.entry(pair.getFirst().text().toLowerCase(Locale.ROOT), pair.getLast().text()));
      }
      return new FetchResponse(
          reply.integer("status"),
          reply.optionalText("statusText").orElse(""),
          headers,
          body.isPresent() ? body.get() : InputStream.nullInputStream());
    } catch (RuntimeException e) {
      body.ifPresent(IncomingStream::close);
      throw e;
    }
  }

  private static Optional<IncomingStream> body(Rpc rpc, Reply reply) {
    var id = reply.optionalNumber("bodyStreamId");
    return id.isPresent() ? Optional.of(rpc.incoming(id.getAsLong())) : Optional.empty();
  }

  /** Ends when the body has, when the server wants no more, or with the connection. */
  private static void pump(InputStream source, OutgoingStream target) {
    byte[] buffer = new byte[CHUNK];
    try (target) {
      while (target.wanted()) {
        int length;
        try {
          length = source.read(buffer, 0, buffer.length);
        } catch (IOException e) {
          target.fail("The body could not be read: " + e.getMessage());
          return;
        }
        if (length < 0) {
          return;
        }
        target.write(buffer, 0, length);
      }
    } catch (IOException e) {
      // Nobody wants the rest.
    }
  }

  private static void giveUp(Rpc rpc, OutgoingStream stream) {
    rpc.forget(stream);
    stream.cancelled("the request was given up");
  }
}
