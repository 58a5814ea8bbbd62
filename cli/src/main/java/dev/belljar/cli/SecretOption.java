package dev.belljar.cli;

import dev.belljar.InvalidOptionException;
import dev.belljar.SandboxOptions;
import dev.belljar.Secret;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
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

  /**
   * Adds all secrets of a command line.
   *
   * @param texts {@code --secret} each
   * @param inBody {@code --secret-in-body} each: the names of some of them
   * @throws InvalidOptionException where a name is there twice, or is no secret's
   */
  static void addAll(
      List<String> texts,
      List<String> inBody,
      SandboxOptions.Builder options,
      Map<String, String> environment) {
    Set<String> names = new HashSet<>();
    for (String text : texts) {
      SecretOption secret = parse(text);
      if (!names.add(secret.name)) {
        throw new InvalidOptionException(
            "--secret "
                + secret.name
                + " is there twice. A secret has one value; write its hosts in one list, as in"
                + " NAME@a.example.com,b.example.com=VARIABLE.");
      }
      secret.addTo(options, environment, inBody.contains(secret.name));
    }
    for (String name : inBody) {
      if (!names.contains(name)) {
        throw new InvalidOptionException(
            "--secret-in-body " + name + ": there is no --secret of that name.");
      }
    }
  }

  private void addTo(
      SandboxOptions.Builder options, Map<String, String> environment, boolean inBody) {
    String value = environment.get(variable);
    if (value == null || value.isEmpty()) {
      throw new InvalidOptionException(
          "--secret " + name + ": the environment variable behind its '=' is not set.");
    }
    Secret secret = Secret.of(value, hosts);
    options.secret(name, inBody ? secret.alsoInBody() : secret);
  }
}
