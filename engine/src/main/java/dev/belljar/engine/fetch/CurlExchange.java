package dev.belljar.engine.fetch;

import dev.belljar.BelljarException;
import dev.belljar.ChildProcess;
import dev.belljar.ChildProcessStatus;
import dev.belljar.EgressRecord;
import dev.belljar.FetchException;
import dev.belljar.FetchResponse;
import dev.belljar.NotFoundException;
import dev.belljar.Sandbox;
import dev.belljar.SpawnOptions;
import dev.belljar.SpawnOptions.Stdio;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A request under way, and curl, which makes it. The configuration and the body go in by stdin, the
 * head of the answer comes out by stderr and its body by stdout.
 */
final class CurlExchange implements AutoCloseable {
  private static final int CHUNK = 64 << 10;
  private static final int MOST_WORDS = 20;
  private static final Duration LAST_WORDS = Duration.ofSeconds(2);

  private static final List<String> CURL =
      List.of(
          "--disable",
          "--silent",
          "--show-error",
          "--no-buffer",
          "--http1.1",
          "--proto",
          "=http,https",
          "--globoff",
          "--path-as-is",
          "--compressed",
          "--noproxy",
          "*",
          "--dump-header",
          "%");

  /**
   * The configuration ends with NUL and the rest is the body. {@code read} takes no byte too many
   * from a pipe.
   */
  private static final String CONFIGURATION_THEN_BODY =
      "IFS= read -r -d '' config && exec curl \"$@\" --config /dev/fd/3 3<<<\"$config\"";

  private final Sandbox sandbox;
  private final Hop hop;
  private final ChildProcess curl;
  private final Instant begin = Instant.now();
  private final List<String> words = new ArrayList<>();
  private final AtomicReference<@Nullable IOException> unreadableBody = new AtomicReference<>();
  private final Thread sender;
  private @Nullable Thread listener;

  private CurlExchange(Sandbox sandbox, Hop hop) {
    this.sandbox = sandbox;
    this.hop = hop;
    SpawnOptions.Builder how = SpawnOptions.builder().stdin(Stdio.PIPED).piped();
    try {
      curl =
          hop.body().isPresent()
              ? sandbox.spawn(
                  "bash",
                  how.args("--norc", "-c", CONFIGURATION_THEN_BODY, "curl").args(CURL).build())
              : sandbox.spawn("curl", how.args(CURL).args("--config", "-").build());
    } catch (NotFoundException e) {
      throw new FetchException(
          "The sandbox cannot make requests: it has no curl (" + e.getMessage() + ").", e);
    }
    sender = Thread.ofVirtual().name("request of " + curl.pid()).start(this::send);
  }

  /** Sends the request and blocks until the head of the answer is there. */
  static FetchResponse start(Sandbox sandbox, Hop hop) {
    CurlExchange exchange = new CurlExchange(sandbox, hop);
    try {
      return exchange.response();
    } catch (RuntimeException e) {
      exchange.close();
      throw e;
    }
  }

  private FetchResponse response() {
    InputStream dump = new BufferedInputStream(curl.stderr());
    Optional<ResponseHead> read;
    try {
      read = ResponseHead.read(dump, words);
    } catch (InterruptedIOException e) {
      throw new BelljarException("Interrupted while waiting for '" + hop.url() + "'.", e);
    } catch (IOException e) {
      if (curl.statusFuture().isCompletedExceptionally()) {
        // The sandbox has ended, and this says so.
        curl.status();
      }
      throw failed(String.valueOf(e.getMessage()));
    }
    if (read.isEmpty()) {
      curl.status();
      throw failed(words.isEmpty() ? "curl ended without an answer" : said());
    }
    ResponseHead head = read.get();
    if (head.status() == 101) {
      throw failed("the server switched to another protocol, which was not asked for");
    }
    if (hop.isHead() || head.status() == 204 || head.status() == 205 || head.status() == 304) {
      close();
      return new FetchResponse(
          head.status(), head.statusText(), head.headers(), InputStream.nullInputStream());
    }
    listener = Thread.ofVirtual().name("errors of " + curl.pid()).start(() -> listen(dump));
    ResponseHead shown = head.ofDecodedBody();
    return new FetchResponse(shown.status(), shown.statusText(), shown.headers(), new Body());
  }

  /** Ends curl, whatever it is doing. Idempotent. */
  @Override
  public void close() {
    curl.close();
    sender.interrupt();
    if (!hop.body().canBeSentAgain()) {
      hop.body().close();
    }
  }

  private void send() {
    try (OutputStream stdin = curl.stdin()) {
      stdin.write(hop.configuration());
      if (hop.body().isPresent()) {
        stdin.write(0);
        InputStream body = hop.body().open();
        byte[] buffer = new byte[CHUNK];
        int length;
        while ((length = next(body, buffer)) >= 0) {
          stdin.write(buffer, 0, length);
        }
      }
    } catch (IOException e) {
      // curl ended early, and says why; or it is to end now.
      if (unreadableBody.get() != null) {
        curl.close();
      }
    }
  }

  private int next(InputStream body, byte[] buffer) throws IOException {
    try {
      return body.read(buffer);
    } catch (IOException e) {
      unreadableBody.set(e);
      throw e;
    }
  }

  /** What curl says once the head is there: trailers, and how it ended. */
  private void listen(InputStream dump) {
    try {
      byte[] buffer = new byte[CHUNK];
      int length;
      StringBuilder last = new StringBuilder();
      while ((length = dump.read(buffer)) >= 0) {
        last.append(new String(buffer, 0, length, StandardCharsets.ISO_8859_1));
        last.delete(0, Math.max(0, last.length() - 4096));
      }
      synchronized (words) {
        last.toString().lines().filter(line -> line.startsWith("curl: (")).forEach(words::add);
      }
    } catch (IOException e) {
      // The body's reader learns the same.
    }
  }

  private FetchException failed(String why) {
    IOException unreadable = unreadableBody.get();
    if (unreadable != null) {
      return new FetchException(
          "The body of the request could not be read: " + unreadable.getMessage(), unreadable);
    }
    return GuestFetch.failed(hop.url(), refusal().orElse(why));
  }

  /** What the sandbox's policy said of this host meanwhile; to curl it is a missing name. */
  private Optional<String> refusal() {
    if (hop.server().isPresent()) {
      return Optional.empty();
    }
    String host = hop.url().getHost().replaceAll("[\\[\\]]", "");
    return sandbox.egress().reversed().stream()
        .takeWhile(record -> !record.time().isBefore(begin))
        .filter(record -> record.host().equalsIgnoreCase(host))
        .filter(record -> record.verdict() != EgressRecord.Verdict.ALLOWED)
        .map(
            record ->
                record.verdict() == EgressRecord.Verdict.DENIED
                    ? "the sandbox's policy does not allow it: " + record.reason()
                    : record.reason())
        .filter(reason -> !reason.isBlank())
        .findFirst();
  }

  private String said() {
    if (listener != null) {
      try {
        listener.join(LAST_WORDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    synchronized (words) {
      return String.join("; ", words.subList(0, Math.min(words.size(), MOST_WORDS)))
          .replaceFirst("^curl: \\([0-9]+\\) ", "");
    }
  }

  /** The body of the answer; its end is where curl says that it is whole. */
  private final class Body extends InputStream {
    private final InputStream stdout = curl.stdout();
    private boolean ended;
    private volatile boolean closed;

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
      if (ended || length == 0) {
        return ended ? -1 : 0;
      }
      int count = closed ? -1 : stdout.read(target, offset, length);
      if (closed) {
        throw new IOException("the answer was given up");
      }
      if (count < 0) {
        ChildProcessStatus status = curl.status();
        ended = true;
        String why = status.success() ? "" : said();
        CurlExchange.this.close();
        if (!status.success()) {
          throw new IOException(
              "the answer broke off: " + (why.isEmpty() ? "curl was ended" : why));
        }
      }
      return count;
    }

    @Override
    public int available() throws IOException {
      return ended ? 0 : stdout.available();
    }

    /** Whoever still reads is told, and not that the body was whole. */
    @Override
    public void close() {
      closed = true;
      CurlExchange.this.close();
    }
  }
}
