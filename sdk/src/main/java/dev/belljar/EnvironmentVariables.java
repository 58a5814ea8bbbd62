package dev.belljar;

/** What an environment variable may be, for every place that takes one. */
final class EnvironmentVariables {
  private EnvironmentVariables() {}

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
