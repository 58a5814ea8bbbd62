package dev.belljar.cli;

import dev.belljar.InvalidOptionException;
import dev.belljar.SandboxOptions;
import dev.belljar.Secret;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * {@code NAME@HOST[,HOST]=VARIABLE}: the value is not on the command line, which every user of the
 * host can read.
 *
 * @param name of the sandbox's variable
 * @param hosts that it may be sent to
 * @param variable of this process that holds the value
 */
record SecretOption(String name, List<String> hosts, String variable) {
  private static final Pattern FORM = Pattern.compile("([^@=]+)@([^=]+)=([A-Za-z_]\\w*)");

  static SecretOption parse(String text) {
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      // What was meant may be a value: it is not repeated.
      throw new InvalidOptionException(
          "--secret needs NAME@HOST[,HOST]=VARIABLE, for example API_KEY@api.example.com=MY_API_KEY"
              + " where MY_API_KEY is set in this command's environment.");
    }
    return new SecretOption(
        matcher.group(1), List.of(matcher.group(2).split(",", -1)), matcher.group(3));
  }

  void addTo(SandboxOptions.Builder options, Map<String, String> environment) {
    String value = environment.get(variable);
    if (value == null || value.isEmpty()) {
      throw new InvalidOptionException(
          "--secret " + name + ": the environment variable behind its '=' is not set.");
    }
    options.secret(name, Secret.of(value, hosts));
  }
}
