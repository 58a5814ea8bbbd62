package dev.belljar.engine;

import dev.belljar.SandboxEnv;
import dev.belljar.SpawnOptions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The environment of one sandbox. It is kept here and goes along with each process that is started.
 */
final class LocalEnv implements SandboxEnv {
  /** What every sandbox begins with. */
  static final Map<String, String> DEFAULTS =
      Map.of(
          "PATH",
              "/home/app/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
          "HOME", "/home/app",
          "USER", "app",
          "LOGNAME", "app",
          "SHELL", "/bin/bash",
          "LANG", "C.UTF-8",
          "DENO_NO_UPDATE_CHECK", "1");

  private static final Map<String, String> ROOT =
      Map.of("HOME", "/root", "USER", "root", "LOGNAME", "root");

  private final Map<String, String> variables = new ConcurrentHashMap<>(DEFAULTS);

  /**
   * With the defaults.
   *
   * @param own what the sandbox was made with
   * @param authorities whom its programs are to believe
   * @param placeholders of secrets
   */
  LocalEnv(Map<String, String> own, List<String> authorities, Map<String, String> placeholders) {
    variables.putAll(CaCertificates.environment(authorities));
    variables.putAll(own);
    variables.putAll(placeholders);
  }

  @Override
  public Optional<String> get(String key) {
    return Optional.ofNullable(variables.get(key));
  }

  @Override
  public void set(String key, String value) {
    SandboxEnv.check(key, value);
    variables.put(key, value);
  }

  @Override
  public Map<String, String> toMap() {
    return Map.copyOf(variables);
  }

  @Override
  public void delete(String key) {
    variables.remove(key);
  }

  /** {@code K=V} of everything that a process gets. */
  List<String> forProcess(SpawnOptions options) {
    Map<String, String> all = new HashMap<>();
    if (!options.clearEnv()) {
      all.putAll(variables);
      if (options.user().equals("root")) {
        all.putAll(ROOT);
      }
    }
    if (options.terminal().isPresent()) {
      all.putIfAbsent("TERM", "xterm-256color");
    }
    all.putAll(options.env());
    List<String> list = new ArrayList<>(all.size());
    all.forEach((key, value) -> list.add(key + "=" + value));
    return list;
  }
}
