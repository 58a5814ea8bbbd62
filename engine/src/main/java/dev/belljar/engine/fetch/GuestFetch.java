package dev.belljar.engine.fetch;

import dev.belljar.FetchException;
import dev.belljar.FetchRequest;
import dev.belljar.FetchResponse;
import dev.belljar.InvalidOptionException;
import dev.belljar.Sandbox;
import dev.belljar.spi.WebUrl;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Makes HTTP requests from within a sandbox, by its own {@code curl}: its network, names,
 * certificates and policy hold. Follows redirections as the Fetch standard has it (section 4.5,
 * "HTTP-redirect fetch").
 */
public final class GuestFetch {
  private static final int MOST_REDIRECTIONS = 20;
  private static final Set<Integer> REDIRECTIONS = Set.of(301, 302, 303, 307, 308);

  private static final Set<String> OF_THE_BODY =
      Set.of(
          "content-encoding",
          "content-language",
          "content-length",
          "content-location",
          "content-type");

  /** What another origin must not see. */
  private static final Set<String> CREDENTIALS =
      Set.of("authorization", "cookie", "proxy-authorization");

  private final Sandbox sandbox;

  /** Makes requests from within that sandbox. */
  public GuestFetch(Sandbox sandbox) {
    this.sandbox = sandbox;
  }

  /**
   * A server in the sandbox.
   *
   * @param host an address of the loopback
   */
  public record Server(String host, int port) {}

  /** As {@link Sandbox#fetch}. */
  public FetchResponse fetch(FetchRequest request) {
    return fetch(request, Optional.empty());
  }

  /** Sends a request to a server in the sandbox, over plain HTTP, whatever the URL names. */
  public FetchResponse fetch(FetchRequest request, Server server) {
    return fetch(request, Optional.of(server));
  }

  private FetchResponse fetch(FetchRequest request, Optional<Server> server) {
    if (request.method().equalsIgnoreCase("CONNECT")) {
      throw new InvalidOptionException("CONNECT is for proxies and cannot be fetched.");
    }
    RequestBody body = RequestBody.of(request.body());
    URI url = request.url();
    String method = request.method();
    List<Map.Entry<String, String>> headers = request.headers();
    try {
      for (int redirections = 0; ; redirections++) {
        FetchResponse response =
            CurlExchange.start(sandbox, new Hop(url, method, headers, body, server));
        Optional<String> location = response.header("location");
        if (!request.followRedirects()
            || !REDIRECTIONS.contains(response.status())
            || location.isEmpty()) {
          return response;
        }
        response.close();
        if (redirections == MOST_REDIRECTIONS) {
          throw failed(request.url(), "more than " + MOST_REDIRECTIONS + " redirections");
        }
        URI next = next(url, location.get());
        if (losesBody(response.status(), method)) {
          method = "GET";
          body = RequestBody.NONE;
          headers = without(headers, OF_THE_BODY);
        } else if (!body.canBeSentAgain()) {
          throw failed(url, "it is redirected, but its body is a stream and cannot be sent again");
        }
        if (!sameOrigin(url, next)) {
          headers = without(headers, CREDENTIALS);
        }
        url = next;
      }
    } catch (RuntimeException e) {
      body.close();
      throw e;
    }
  }

  static FetchException failed(URI url, String why) {
    return new FetchException("error sending request for url (" + shown(url) + "): " + why);
  }

  /** Without what may be a password. */
  private static String shown(URI url) {
    String text = url.toASCIIString();
    return url.getRawUserInfo() == null ? text : text.replace(url.getRawUserInfo() + "@", "");
  }

  private static boolean losesBody(int status, String method) {
    return switch (status) {
      case 301, 302 -> method.equalsIgnoreCase("POST");
      case 303 -> !method.equalsIgnoreCase("GET") && !method.equalsIgnoreCase("HEAD");
      default -> false;
    };
  }

  private static URI next(URI url, String location) {
    URI next;
    try {
      next = WebUrl.parse(resolved(url, location).toString());
    } catch (URISyntaxException e) {
      throw failed(url, "it is redirected to what is no URL");
    }
    String scheme = next.getScheme();
    if (!(scheme.equalsIgnoreCase("http") || scheme.equalsIgnoreCase("https"))
        || next.getHost() == null) {
      throw failed(url, "it is redirected to '" + shown(next) + "', which is not HTTP");
    }
    return next;
  }

  /** As RFC 3986 resolves; {@link URI#resolve} follows its predecessor. */
  private static URI resolved(URI base, String reference) throws URISyntaxException {
    URI next = WebUrl.parse(reference);
    boolean onlyQuery = reference.startsWith("?");
    if (!onlyQuery && !base.getRawPath().isEmpty()) {
      return base.resolve(next);
    }
    String authority = base.getScheme() + "://" + base.getRawAuthority();
    String path = base.getRawPath().isEmpty() ? "/" : base.getRawPath();
    return onlyQuery
        ? WebUrl.parse(authority + path + reference)
        : new URI(authority + path).resolve(next);
  }

  private static boolean sameOrigin(URI one, URI other) {
    return one.getScheme().equalsIgnoreCase(other.getScheme())
        && one.getHost().equalsIgnoreCase(other.getHost())
        && port(one) == port(other);
  }

  static int port(URI url) {
    return url.getPort() >= 0
        ? url.getPort()
        : url.getScheme().equalsIgnoreCase("https") ? 443 : 80;
  }

  private static List<Map.Entry<String, String>> without(
      List<Map.Entry<String, String>> headers, Set<String> names) {
    return headers.stream()
        .filter(header -> !names.contains(header.getKey().toLowerCase(java.util.Locale.ROOT)))
        .toList();
  }
}
