package dev.belljar.server.rpc;

import dev.belljar.ChildProcess;
import dev.belljar.DenoProcess;
import dev.belljar.DenoRepl;
import dev.belljar.DenoRunOptions;
import dev.belljar.DenoRunOptions.Code;
import dev.belljar.DenoRunOptions.Entrypoint;
import dev.belljar.DenoRunOptions.Extension;
import dev.belljar.DenoRunOptions.Source;
import dev.belljar.FetchRequest;
import dev.belljar.FetchResponse;
import dev.belljar.SpawnOptions;
import dev.belljar.server.rpc.Method.Answer;
import dev.belljar.server.rpc.Method.Failure;
import dev.belljar.spi.WebUrl;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.UUID;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The calls about Deno programs and evaluators, and requests from within the sandbox. */
final class DenoMethods {
  /** Statuses whose answers have no body (Fetch, "null body status"). */
  private static final Set<Integer> BODILESS = Set.of(101, 103, 204, 205, 304);

  private static final Map<String, Extension> EXTENSIONS = extensions();

  private final RpcSession session;
  private final ProcessMethods processes;

  DenoMethods(RpcSession session, ProcessMethods processes) {
    this.session = session;
    this.processes = processes;
  }

  void register(Map<String, Method> methods) {
    methods.put("spawnDeno", this::run);
    methods.put("denoHttpWait", this::httpWait);
    methods.put("spawnDenoRepl", this::repl);
    methods.put("denoReplEval", this::eval);
    methods.put("denoReplCall", this::call);
    methods.put("denoReplClose", this::close);
    methods.put("fetch", this::fetch);
  }

  private Answer run(Params params) throws Exception {
    session.checkStreams();
    Source source = source(params);
    SpawnOptions options = ProcessMethods.options(params, "scriptArgs");
    Optional<InputStream> input = processes.stdin(params);
    DenoProcess program =
        processes.started(
            input, () -> session.sandbox().deno().run(new DenoRunOptions(source, options)));
    session.events().ran(session.hosted().id(), "deno");
    ObjectNode node = processes.describe(program, options);
    if (source instanceof Entrypoint entrypoint && entrypoint.watch()) {
      String watcher = UUID.randomUUID().toString();
      program.onRestart(
          () ->
              session.tell("$sandbox.deno.watcher.restart", "{\"watcherId\":\"" + watcher + "\"}"));
      node.put("watcherId", watcher);
    } else {
      node.putNull("watcherId");
    }
    return new Answer.Value(node);
  }

  private static Source source(Params params) throws InvalidParamsException {
    if (!params.has("entrypoint")) {
      String code = params.string("code");
      return new Code(code, params.oneOf("extension", EXTENSIONS));
    }
    String entrypoint = params.string("entrypoint");
    boolean watch = false;
    List<String> watched = List.of();
    if (params.any("watch").isArray()) {
      watch = true;
      watched = params.strings("watch");
    } else {
      watch = params.bool("watch", false);
    }
    params.check();
    return new Entrypoint(entrypoint, watch, watched);
  }

  private Answer httpWait(Params params) throws Exception {
    return Answer.of(program(params).httpReady());
  }

  private Answer repl(Params params) throws Exception {
    session.checkStreams();
    SpawnOptions options = ProcessMethods.options(params, "scriptArgs");
    Optional<InputStream> input = processes.stdin(params);
    DenoRepl repl = processes.started(input, () -> session.sandbox().deno().repl(options));
    session.events().ran(session.hosted().id(), "deno repl");
    return new Answer.Value(processes.describe(repl, options));
  }

  private Answer eval(Params params) throws Exception {
    String code = params.string("code");
    return new Answer.Value(Json.MAPPER.valueToTree(evaluator(params).eval(code)));
  }

  private Answer call(Params params) throws Exception {
    String function = params.string("fn");
    List<Object> arguments = new ArrayList<>();
    for (Params argument : params.items("args")) {
      arguments.add(Json.MAPPER.treeToValue(argument.node(), Object.class));
    }
    return new Answer.Value(Json.MAPPER.valueToTree(evaluator(params).call(function, arguments)));
  }

  private Answer close(Params params) throws Exception {
    evaluator(params).close();
    return Answer.DONE;
  }

  private DenoProcess program(Params params) throws InvalidParamsException, Failure {
    ChildProcess process = processes.process(params);
    if (process instanceof DenoProcess program) {
      return program;
    }
    throw new Failure(
        WireError.of("TypeError", "Process " + process.pid() + " was not started as Deno", null));
  }

  private DenoRepl evaluator(Params params) throws InvalidParamsException, Failure {
    ChildProcess process = processes.process(params);
    if (process instanceof DenoRepl repl) {
      return repl;
    }
    throw new Failure(
        WireError.of("TypeError", "Process " + process.pid() + " is not a Deno REPL", null));
  }

  private Answer fetch(Params params) throws Exception {
    session.checkStreams();
    String url = params.string("url");
    String method = params.string("method");
    boolean follow = params.oneOf("redirect", Map.of("follow", true, "manual", false));
    List<Map.Entry<String, String>> headers = new ArrayList<>();
    for (Params header : params.items("headers")) {
      JsonNode pair = header.node();
      if (pair.isArray() && pair.size() == 2 && pair.get(0).isString() && pair.get(1).isString()) {
        headers.add(Map.entry(pair.get(0).stringValue(), pair.get(1).stringValue()));
      } else {
        params.wrong("headers", "Invalid input: expected pairs of strings");
      }
    }
    Optional<Long> bodyStream = params.optionalInteger("bodyStreamId");
    params.check();
    Optional<DenoProcess> program =
        params.has("pid") ? Optional.of(program(params)) : Optional.empty();
    URI target = uri(url);
    Optional<InputStream> body = Optional.empty();
    if (bodyStream.isPresent()) {
      body = Optional.of(session.claim(bodyStream.get(), params, "bodyStreamId"));
      params.check();
    }
    try {
      FetchRequest request = new FetchRequest(target, method, headers, body, follow);
      FetchResponse response =
          program.isPresent() ? program.get().fetch(request) : session.sandbox().fetch(request);
      Optional<Long> abortId = params.optionalInteger("abortId");
      return answer(method, response, abortId.map(OptionalLong::of).orElseGet(OptionalLong::empty));
    } catch (RuntimeException e) {
      if (body.isPresent()) {
        body.get().close();
      }
      throw e;
    }
  }

  private static URI uri(String url) throws Failure {
    try {
      return WebUrl.parse(url);
    } catch (URISyntaxException e) {
      throw new Failure(WireError.of("TypeError", "Invalid URL: '" + url + "'", null));
    }
  }

  /** As {@code abort} names it; what cannot be one aborts nothing. */
  private Answer answer(String method, FetchResponse response, OptionalLong abortId)
      throws InterruptedException {
    ObjectNode node =
        Json.NODES
            .objectNode()
            .put("status", response.status())
            .put("statusText", response.statusText());
    ArrayNode headers = node.putArray("headers");
    response.headers().forEach(h -> headers.addArray().add(h.getKey()).add(h.getValue()));
    if (method.equals("HEAD") || BODILESS.contains(response.status())) {
      response.close();
      node.putNull("bodyStreamId");
    } else {
      node.put("bodyStreamId", session.outgoing().send(new Body(response), false, abortId));
      // An abort that came before the stream was there did not find it.
      if (Thread.currentThread().isInterrupted()) {
        abortId.ifPresent(session.outgoing()::abort);
        throw new InterruptedException("aborted");
      }
    }
    return new Answer.Value(node);
  }

  /** Closes the whole answer with its body. */
  private static final class Body extends java.io.FilterInputStream {
    private final FetchResponse response;

    Body(FetchResponse response) {
      super(response.body());
      this.response = response;
    }

    @Override
    public void close() throws IOException {
      response.close();
    }
  }

  private static Map<String, Extension> extensions() {
    Map<String, Extension> extensions = new LinkedHashMap<>();
    for (Extension extension : Extension.values()) {
      extensions.put(extension.ending(), extension);
    }
    return extensions;
  }
}
