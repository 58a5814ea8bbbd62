package dev.belljar.examples.untrustedcode;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A TLS server on loopback that plays api.coingecko.com, with a certificate of its own authority.
 * It answers {@code /api/v3/simple/price}, as https://docs.coingecko.com/reference/simple-price
 * says, with invented prices, and {@code /api/v3/ping}.
 */
public final class CoinGeckoStandIn implements AutoCloseable {
  private static final Map<String, Double> PRICES_IN_USD =
      Map.of("bitcoin", 67_187.34, "ethereum", 3_512.08, "solana", 151.42);
  private static final Map<String, Double> CURRENCIES_PER_USD =
      Map.of("usd", 1.0, "eur", 0.92, "gbp", 0.79, "jpy", 151.5, "btc", 1 / 67_187.34);

  private final HttpsServer server;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final String caCertificate;

  private CoinGeckoStandIn(HttpsServer server, String caCertificate) {
    this.server = server;
    this.caCertificate = caCertificate;
  }

  /**
   * Starts it on a free port.
   *
   * @throws IOException where no port can be listened on
   */
  public static CoinGeckoStandIn start() throws IOException {
    var authority = new EphemeralAuthority();
    var address = new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0);
    HttpsServer server = HttpsServer.create(address, 0);
    server.setHttpsConfigurator(
        new HttpsConfigurator(authority.serverContext("api.coingecko.com")));
    var standIn = new CoinGeckoStandIn(server, authority.pem());
    server.setExecutor(standIn.threads);
    server.createContext("/", CoinGeckoStandIn::notFound);
    server.createContext("/api/v3/ping", CoinGeckoStandIn::ping);
    server.createContext("/api/v3/simple/price", CoinGeckoStandIn::price);
    server.start();
    return standIn;
  }

  /** The TCP port on 127.0.0.1. */
  public int port() {
    return server.getAddress().getPort();
  }

  /** What its clients must trust, as PEM text. */
  public String caCertificate() {
    return caCertificate;
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }

  private static void ping(HttpExchange exchange) throws IOException {
    answer(exchange, 200, "{\"gecko_says\":\"(V3) To the Moon!\"}");
  }

  private static void notFound(HttpExchange exchange) throws IOException {
    answer(exchange, 404, "{\"error\":\"not played by the stand-in of Belljar's demo\"}");
  }

  private static void price(HttpExchange exchange) throws IOException {
    Map<String, String> query = query(exchange.getRequestURI().getRawQuery());
    String coins = query.getOrDefault("ids", "");
    String currencies = query.getOrDefault("vs_currencies", "");
    if (coins.isEmpty() || currencies.isEmpty()) {
      answer(exchange, 422, "{\"error\":\"Missing parameter ids or vs_currencies\"}");
      return;
    }
    Map<String, String> byCoin = new TreeMap<>();
    for (String coin : coins.split(",", -1)) {
      Double inUsd = PRICES_IN_USD.get(coin);
      if (inUsd != null) {
        byCoin.put(coin, json(pricesOf(inUsd, currencies, query)));
      }
    }
    answer(exchange, 200, json(byCoin));
  }

  private static Map<String, String> pricesOf(
      double inUsd, String currencies, Map<String, String> query) {
    Map<String, String> prices = new TreeMap<>();
    for (String currency : currencies.toLowerCase(Locale.ROOT).split(",", -1)) {
      Double perUsd = CURRENCIES_PER_USD.get(currency);
      if (perUsd == null) {
        continue;
      }
      prices.put(currency, number(inUsd * perUsd));
      if (asked(query, "include_24hr_change")) {
        prices.put(currency + "_24h_change", "1.2345");
      }
      if (asked(query, "include_market_cap")) {
        prices.put(currency + "_market_cap", number(inUsd * perUsd * 19_700_000));
      }
      if (asked(query, "include_24hr_vol")) {
        prices.put(currency + "_24h_vol", number(inUsd * perUsd * 410_000));
      }
    }
    if (asked(query, "include_last_updated_at")) {
      prices.put("last_updated_at", Long.toString(System.currentTimeMillis() / 1000));
    }
    return prices;
  }

  private static boolean asked(Map<String, String> query, String flag) {
    return "true".equals(query.get(flag));
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, value < 10 ? "%.8f" : "%.2f", value);
  }

  /** Keys are from the fixed tables above, values are JSON already. */
  private static String json(Map<String, String> members) {
    return members.entrySet().stream()
        .map(member -> "\"" + member.getKey() + "\":" + member.getValue())
        .collect(Collectors.joining(",", "{", "}"));
  }

  private static Map<String, String> query(@Nullable String raw) {
    Map<String, String> parameters = new HashMap<>();
    if (raw != null) {
      for (String parameter : raw.split("&", -1)) {
        String[] parts = parameter.split("=", 2);
        parameters.put(
            URLDecoder.decode(parts[0], StandardCharsets.UTF_8),
            parts.length < 2 ? "" : URLDecoder.decode(parts[1], StandardCharsets.UTF_8));
      }
    }
    return parameters;
  }

  private static void answer(HttpExchange exchange, int status, String body) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("content-type", "application/json; charset=utf-8");
    exchange.sendResponseHeaders(status, bytes.length);
    try (var out = exchange.getResponseBody()) {
      out.write(bytes);
    }
  }
}
