package dev.belljar.server.rpc;

import dev.belljar.SandboxEnv;
import dev.belljar.server.rpc.Method.Answer;
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

  private static String key(Params params) throws InvalidParamsException {
    String key = params.string("key");
    params.check();
    return key;
  }

  private Answer get(Params params) throws Exception {
    return env.get(key(params)).map(Answer::of).orElse(Answer.DONE);
  }

  private Answer set(Params params) throws Exception {
    String value = params.string("value");
    env.set(key(params), value);
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
