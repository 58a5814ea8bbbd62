package dev.belljar.engine.egress;

import dev.belljar.EgressRecord.Verdict;
import dev.belljar.EgressTotals.Limit;
import dev.belljar.engine.agent.AgentStream;
import dev.belljar.engine.egress.http.HttpRelay;
import dev.belljar.engine.egress.secrets.HostSecrets;
import dev.belljar.engine.egress.tls.ClientHello;
import dev.belljar.engine.egress.tls.ServerHello;
import dev.belljar.engine.egress.tls.Tls;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.SSLSocket;
import org.jspecify.annotations.Nullable;

/**
 * A connection of a guest that policy let out. One thread carries what the guest says, another one
 * what the server says; whoever speaks first decides how: a guest that speaks TLS or HTTP must mean
 * the name that it was connected to.
 */
final class EgressConnection {
  private static final int ECONNRESET = 104;
  private static final int BUFFER = 64 << 10;

  /** How long a guest that was refused may take to read why. */
  private static final long LAST_WORDS_NANOS = 2_000_000_000L;

  private final EgressTarget target;
  private final AgentStream stream;
  private final Socket socket;
  private final EgressPolicy policy;
  private final Optional<Interception> interception;
  private final Optional<HostSecrets> secretsOfOthers;
  private final EgressQuota quota;

  private final AtomicLong out = new AtomicLong();
  private final AtomicLong in = new AtomicLong();
  private final CompletableFuture<Carrier> chosen = new CompletableFuture<>();
  private final GuestInput guest;
  private final ServerInput server;
  private volatile long lastActivity = System.nanoTime();
  private volatile long deadline = Long.MAX_VALUE;
  private volatile @Nullable HostSecrets secrets;
  private Verdict verdict = Verdict.ALLOWED;
  private String reason = "";
  private Optional<Limit> limit = Optional.empty();
  private boolean explained;

  EgressConnection(
      EgressTarget target,
      AgentStream stream,
      Socket socket,
      EgressPolicy policy,
      Optional<Interception> interception,
      EgressQuota quota)
      throws IOException {
    this.target = target;
    this.stream = stream;
    this.socket = socket;
    this.policy = policy;
    this.interception = interception.filter(means -> means.concerns(target));
    secretsOfOthers = interception.map(means -> means.secrets().forNobody());
    this.quota = quota;
    guest = new GuestInput(counted(stream.input(), out));
    server = new ServerInput(counted(socket.getInputStream(), in));
  }

  /** How bytes go. */
  private interface Carrier {
    void outward() throws IOException, InterruptedException;

    void inward() throws IOException;
  }

  /** Carries until both sides have ended, or one has failed. */
  void carry() throws InterruptedException {
    Thread outward = Thread.ofVirtual().name("egress-out").start(this::carryOut);
    try {
      carryIn();
      outward.join();
    } finally {
      end();
    }
  }

  /** Ends both sides at once. Idempotent. */
  void end() {
    try {
      socket.close();
    } catch (IOException e) {
      // It is gone either way.
    }
    stream.reset(ECONNRESET);
  }

  /** Ends it if it has been idle for too long, or has had its time. */
  void endIfOver(long now) {
    if (now - lastActivity > quota.idle().toNanos()) {
      explainLimit(Limit.IDLE, "it was idle for " + quota.idle().toSeconds() + " s");
      end();
    } else if (deadline != Long.MAX_VALUE && now - deadline > 0) {
      end();
    }
  }

  long bytesOut() {
    return out.get();
  }

  long bytesIn() {
    return in.get();
  }

  synchronized Verdict verdict() {
    return verdict;
  }

  /** Which limit ended it, where one did. */
  synchronized Optional<Limit> limit() {
    return limit;
  }

  synchronized String reason() {
    return reason;
  }

  Collection<String> secretsUsed() {
    HostSecrets used = secrets;
    return used == null ? List.of() : used.used();
  }

  /** The first explanation counts: what follows it are consequences. */
  private synchronized void explain(Verdict because, String text) {
    if (!explained) {
      explained = true;
      verdict = because;
      reason = text;
    }
  }

  private synchronized void explainLimit(Limit which, String text) {
    if (!explained) {
      limit = Optional.of(which);
      explain(Verdict.LIMITED, text);
    }
  }

  // Outward.

  private void carryOut() {
    try {
      Carrier carrier = examined();
      if (carrier == null) {
        lastWords();
        return;
      }
      chosen.complete(carrier);
      chosen.join().outward();
    } catch (IOException e) {
      failed(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      end();
    } finally {
      chosen.complete(new Copying());
    }
  }

  /** Looks at what the guest says first; null where it may not say that. */
  private @Nullable Carrier examined() throws IOException {
    boolean anythingGoes = secretsOfOthers.isEmpty() && !policy.hasAllowList() && !target.isName();
    if (anythingGoes) {
      return new Copying();
    }
    return switch (FirstBytes.of(guest)) {
      case TLS -> ofTls();
      case HTTP -> policy.hasAllowList() || secretsOfOthers.isPresent() ? relay() : new Copying();
      case NOTHING, OTHER -> new Copying();
    };
  }

  private @Nullable Carrier ofTls() throws IOException {
    ClientHello.Read read;
    try {
      read = ClientHello.read(guest);
    } catch (ClientHello.MalformedException e) {
      return refused(Tls.refusal(), "the guest sent " + e.getMessage());
    }
    guest.unread(read.bytes(), read.bytes().length);
    Optional<String> refusal =
        policy.refusalOfHello(target, read.hello(), interception.isPresent());
    if (refusal.isPresent()) {
      return refused(Tls.refusal(), refusal.get());
    }
    return chosen.isDone() || interception.isEmpty()
        ? new TlsCopying(read.bytes().length)
        : intercepted(interception.get());
  }

  private @Nullable Carrier intercepted(Interception means) throws IOException {
    HostSecrets held = means.secrets().forHost(target.host(), target.port());
    secrets = held;
    SSLSocket toServer;
    String failure;
    try {
      // Whoever waits for the server's first bytes reads them for this.
      toServer =
          Tls.connect(
              means.trust(), target.host(), target.port(), server, socket.getOutputStream());
      failure = "";
    } catch (IOException e) {
      toServer = null;
      failure = String.valueOf(e.getMessage());
    }
    SSLSocket toGuest = Tls.accept(means.authority(), target.host(), guest, stream.output());
    if (toServer == null) {
      String text = "no TLS connection to " + target.host() + ": " + failure;
      explain(Verdict.FAILED, text);
      new HttpRelay(
              toGuest.getInputStream(),
              toGuest.getOutputStream(),
              InputStream.nullInputStream(),
              OutputStream.nullOutputStream(),
              new NameRules(this::isItsName, Optional.empty()))
          .answerAll(502, text);
      toGuest.shutdownOutput();
      return null;
    }
    return new Relay(
        new HttpRelay(
            toGuest.getInputStream(),
            toGuest.getOutputStream(),
            toServer.getInputStream(),
            toServer.getOutputStream(),
            new NameRules(this::isItsName, Optional.of(held))),
        toServer::shutdownOutput,
        toGuest::shutdownOutput);
  }

  /** Whoever was sent a secret may repeat it here as well. */
  private Carrier relay() throws IOException {
    return new Relay(
        new HttpRelay(
            guest,
            stream.output(),
            server,
            socket.getOutputStream(),
            new NameRules(
                policy.hasAllowList() ? this::isItsName : anyName -> true, secretsOfOthers)),
        socket::shutdownOutput,
        () -> {});
  }

  private boolean isItsName(String name) {
    return policy.isNameOf(target, name);
  }

  private @Nullable Carrier refused(byte[] answer, String why) throws IOException {
    explain(Verdict.DENIED, why);
    stream.output().write(answer, 0, answer.length);
    return null;
  }

  /** The guest reads what it was told, before all of it is over. */
  private void lastWords() throws IOException {
    deadline = System.nanoTime() + LAST_WORDS_NANOS;
    socket.close();
    stream.output().close();
    guest.transferTo(OutputStream.nullOutputStream());
  }

  // Inward.

  private void carryIn() {
    try {
      server.awaitFirst();
    } catch (IOException e) {
      // Whoever carries finds out.
    }
    // A server that speaks before its client is not one of HTTP or TLS.
    if (!guestSpoke()) {
      chosen.complete(new Copying());
    }
    try {
      chosen.get().inward();
    } catch (IOException e) {
      failed(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      end();
    } catch (ExecutionException e) {
      throw new AssertionError("it is never failed", e);
    }
  }

  private boolean guestSpoke() {
    return out.get() > 0;
  }

  private void failed(IOException e) {
    if (e instanceof EgressQuota.ExhaustedException exhausted) {
      explainLimit(exhausted.limit(), String.valueOf(e.getMessage()));
    } else {
      explain(Verdict.ALLOWED, String.valueOf(e.getMessage()));
    }
    // The other side must not wait for this one; a guest that is being told why goes on reading.
    if (deadline == Long.MAX_VALUE) {
      end();
    }
  }

  private InputStream counted(InputStream bytes, AtomicLong count) {
    return new FilterInputStream(bytes) {
      @Override
      public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
      }

      @Override
      public int read(byte[] target, int offset, int length) throws IOException {
        int read = in.read(target, offset, length);
        if (read > 0) {
          lastActivity = System.nanoTime();
          count.addAndGet(read);
          quota.carried(read);
        }
        return read;
      }
    };
  }

  /** As it comes. */
  private final class Copying implements Carrier {
    @Override
    public void outward() throws IOException {
      HttpWatch watch = new HttpWatch();
      OutputStream to = socket.getOutputStream();
      byte[] buffer = new byte[BUFFER];
      int length;
      while ((length = guest.read(buffer, 0, buffer.length)) >= 0) {
        if (policy.hasAllowList()) {
          try {
            watch.look(buffer, length);
          } catch (HttpWatch.RequestException e) {
            explain(Verdict.DENIED, String.valueOf(e.getMessage()));
            throw e;
          }
        }
        to.write(buffer, 0, length);
      }
      socket.shutdownOutput();
    }

    @Override
    public void inward() throws IOException {
      copy(server, stream.output());
      stream.output().close();
    }
  }

  /** TLS as it comes, once both sides have agreed on who is spoken to. */
  private final class TlsCopying implements Carrier {
    private final int helloBytes;
    private final CompletableFuture<ServerHello.Answer> answer = new CompletableFuture<>();

    /**
     * Of a client that was looked at.
     *
     * @param helloBytes how many of its bytes that took
     */
    TlsCopying(int helloBytes) {
      this.helloBytes = helloBytes;
    }

    @Override
    public void outward() throws IOException {
      OutputStream to = socket.getOutputStream();
      to.write(guest.readNBytes(helloBytes));
      // Whatever a client says before it is answered waits with it.
      if (answer.join() == ServerHello.Answer.RETRY) {
        ClientHello.Read second = ClientHello.readSecond(guest);
        Optional<String> refusal = policy.refusalOfHello(target, second.hello(), false);
        if (refusal.isPresent()) {
          explain(Verdict.DENIED, refusal.get());
          throw new IOException(refusal.get());
        }
        to.write(second.bytes());
      }
      copy(guest, to);
      socket.shutdownOutput();
    }

    @Override
    public void inward() throws IOException {
      try {
        ServerHello hello = new ServerHello();
        byte[] buffer = new byte[BUFFER];
        int length;
        while (!answer.isDone() && (length = server.read(buffer, 0, buffer.length)) >= 0) {
          ServerHello.Answer known = hello.look(buffer, length);
          stream.output().write(buffer, 0, length);
          if (known != ServerHello.Answer.UNKNOWN) {
            answer.complete(known);
          }
        }
      } finally {
        answer.complete(ServerHello.Answer.GOES_ON);
      }
      copy(server, stream.output());
      stream.output().close();
    }
  }

  private static void copy(InputStream from, OutputStream to) throws IOException {
    byte[] buffer = new byte[BUFFER];
    int length;
    while ((length = from.read(buffer, 0, buffer.length)) >= 0) {
      to.write(buffer, 0, length);
    }
  }

  /** Request by request. */
  private final class Relay implements Carrier {
    private final HttpRelay relay;
    private final Ending outward;
    private final Ending inward;

    Relay(HttpRelay relay, Ending outward, Ending inward) {
      this.relay = relay;
      this.outward = outward;
      this.inward = inward;
    }

    @Override
    public void outward() throws IOException, InterruptedException {
      Optional<String> refusal = relay.carryRequests();
      if (refusal.isPresent()) {
        explain(Verdict.DENIED, refusal.get());
        inward.end();
        lastWords();
      } else {
        outward.end();
      }
    }

    @Override
    public void inward() throws IOException {
      relay.carryResponses();
      inward.end();
      stream.output().close();
    }
  }

  /** Says that nothing more comes. */
  private interface Ending {
    void end() throws IOException;
  }
}
