package dev.belljar;

import java.util.Map;
import java.util.Optional;

/**
 * The environment variables that a sandbox's processes are started with. Changes do not reach
 * processes that run already.
 */
public interface SandboxEnv {

  /** The value, or empty. */
  Optional<String> get(String key);

  /**
   * Sets a variable.
   *
   * @throws InvalidOptionException where the key is empty, or key or value hold NUL or the key
   *     holds {@code =}
   */
  void set(String key, String value);

  /** A copy of all of it. */
  Map<String, String> toMap();

  /** Removes a variable; none of that name is fine. */
  void delete(String key);

  /**
   * Checks that something can be an environment variable; for implementations.
   *
   * @throws InvalidOptionException as {@link #set}
   */
  static void check(String key, String value) {
    if (key.isEmpty()
        || key.indexOf('=') >= 0
        || key.indexOf('\0') >= 0
        || value.indexOf('\0') >= 0) {
      throw new InvalidOptionException(
          "'"
              + key.replace('\0', '?')
              + "' cannot be an environment variable: a name is not empty and has no '=', and neither name nor value has NUL.");
    }
  }
}
