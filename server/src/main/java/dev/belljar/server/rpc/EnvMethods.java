package dev.belljar.server.rpc;

import dev.belljar.SandboxEnv;
import dev.belljar.server.rpc.Method.Answer;
import dev.belljar.server.rpc.Method.Failure;
import java.util.Map;
import tools.jackson.databind.node.ObjectNode;

/** The calls about the environment of processes to come. */
final class EnvMethods {
  private final SandboxEnv env;

  EnvMethods(RpcSession session) {
    env = session.sandbox().env();
  }

  void register(Map<String, Method> methods) {
    methods.put("envGet", this::get);
    methods.put("envSet", this::set);
    methods.put("envToObject", params -> all());
    methods.put("envDelete", this::delete);
  }

  private static String key(Params params) throws InvalidParamsException, Failure {
    String key = params.string("key");
    params.check();
    if (key.isEmpty()) {
      throw wrong("Key is an empty string.");
    }
    if (key.indexOf('=') >= 0 || key.indexOf('\0') >= 0) {
      throw wrong("Key contains invalid characters: " + quoted(key));
    }
    return key;
  }

  /** In the words of {@code Deno.env}. */
  private static Failure wrong(String message) {
    return new Failure(WireError.of("TypeError", message, null));
  }

  private static String quoted(String text) {
    return '"' + text.replace("\0", "\\0") + '"';
  }

  private Answer get(Params params) throws Exception {
    return env.get(key(params)).map(Answer::of).orElse(Answer.DONE);
  }

  private Answer set(Params params) throws Exception {
    String value = params.string("value");
    String key = key(params);
    if (value.indexOf('\0') >= 0) {
      throw wrong("Value contains invalid characters: " + quoted(value));
    }
    env.set(key, value);
    return Answer.DONE;
  }

  private Answer all() {
    ObjectNode node = Json.NODES.objectNode();
    env.toMap().forEach(node::put);
    return new Answer.Value(node);
  }

  private Answer delete(Params params) throws Exception {
    env.delete(key(params));
    return Answer.DONE;
  }
}
