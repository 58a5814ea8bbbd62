package dev.belljar;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * A sandbox service elsewhere: Belljar's own server or Deno Deploy.
 *
 * @param sandboxes where sandboxes are made and reached, for example {@code http://127.0.0.1:8080}:
 *     http or https, a host, perhaps a port, nothing else
 * @param management where they are listed; of the same form, and the same for Belljar's server
 * @param token what proves who asks; never part of a message
 * @param org the organization that the token acts for, where the token alone does not say
 */
public record Endpoint(URI sandboxes, URI management, String token, Optional<String> org) {

  /** Where Deno Deploy is managed, whatever region its sandboxes run in. */
  private static final URI DENO_CONSOLE = URI.create("https://console.deno.com");

  /** Checks the form. */
  public Endpoint {
    check(sandboxes);
    check(management);
    if (!isHeaderText(token)) {
      throw new InvalidOptionException(
          "The token for " + sandboxes + " cannot be one: it is empty or holds blanks.");
    }
    if (org.filter(name -> !isHeaderText(name)).isPresent()) {
      throw new InvalidOptionException("The organization for " + sandboxes + " cannot be a name.");
    }
  }

  /**
   * One server for everything, as Belljar's is.
   *
   * @param url http or https, a host, perhaps a port
   * @throws InvalidOptionException where the URL is of another form, or the token cannot be one
   */
  public static Endpoint of(String url, String token) {
    URI uri = parse(url);
    return new Endpoint(uri, uri, token, Optional.empty());
  }

  /**
   * What the environment says: {@code BELLJAR_ENDPOINT}, or {@code DENO_SANDBOX_ENDPOINT} with
   * {@code DENO_DEPLOY_ENDPOINT} (the same server where it is not set); {@code BELLJAR_TOKEN}, or
   * {@code DENO_DEPLOY_TOKEN}; {@code DENO_DEPLOY_ORG}. Empty where no endpoint is set.
   *
   * @throws InvalidOptionException where an endpoint is set without a token, or is of another form
   */
  public static Optional<Endpoint> fromEnvironment() {
    return fromEnvironment(System.getenv());
  }

  /** As {@link #fromEnvironment()}, of variables that somebody has put together. */
  public static Optional<Endpoint> fromEnvironment(Map<String, String> environment) {
    Optional<String> belljar = variable(environment, "BELLJAR_ENDPOINT");
    Optional<String> chosen = belljar.or(() -> variable(environment, "DENO_SANDBOX_ENDPOINT"));
    if (chosen.isEmpty()) {
      return Optional.empty();
    }
    URI sandboxes = parse(chosen.get());
    URI management =
        belljar.isPresent()
            ? sandboxes
            : variable(environment, "DENO_DEPLOY_ENDPOINT")
                .map(Endpoint::parse)
                .orElseGet(() -> managementOf(sandboxes));
    String token =
        variable(environment, "BELLJAR_TOKEN")
            .or(() -> variable(environment, "DENO_DEPLOY_TOKEN"))
            .orElseThrow(
                () ->
                    new InvalidOptionException(
                        "The environment names the server "
                            + sandboxes
                            + " but no token. Set BELLJAR_TOKEN (or DENO_DEPLOY_TOKEN)."));
    return Optional.of(
        new Endpoint(sandboxes, management, token, variable(environment, "DENO_DEPLOY_ORG")));
  }

  /** Without the token. */
  @Override
  public String toString() {
    return sandboxes.equals(management)
        ? "Endpoint " + sandboxes
        : "Endpoint " + sandboxes + ", managed at " + management;
  }

  /** Only Deno's own service has another host for this: a token goes nowhere unasked. */
  private static URI managementOf(URI sandboxes) {
    return sandboxes.getHost().endsWith(".deno.net") ? DENO_CONSOLE : sandboxes;
  }

  private static Optional<String> variable(Map<String, String> environment, String name) {
    return Optional.ofNullable(environment.get(name)).filter(value -> !value.isBlank());
  }

  private static URI parse(String url) {
    try {
      return new URI(url);
    } catch (URISyntaxException e) {
      throw new InvalidOptionException("'" + url + "' is not a URL: " + e.getMessage(), e);
    }
  }

  private static void check(URI uri) {
    String scheme = uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
    boolean bare =
        uri.getHost() != null
            && uri.getRawUserInfo() == null
            && (uri.getRawPath() == null || uri.getRawPath().isEmpty())
            && uri.getRawQuery() == null
            && uri.getRawFragment() == null;
    if (!bare || !(scheme.equals("http") || scheme.equals("https"))) {
      throw new InvalidOptionException(
          "An endpoint is http:// or https:// with a host and perhaps a port, without a path, not '"
              + withoutUserInfo(uri)
              + "'.");
    }
  }

  /** Somebody may have written a credential where it does not belong. */
  private static String withoutUserInfo(URI uri) {
    return uri.toString().replaceFirst("//[^/@]*@", "//…@");
  }

  private static boolean isHeaderText(String text) {
    return !text.isEmpty() && text.chars().allMatch(c -> c > ' ' && c < 0x7f);
  }
}
