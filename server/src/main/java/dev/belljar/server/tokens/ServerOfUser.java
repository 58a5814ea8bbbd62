package dev.belljar.server.tokens;

import dev.belljar.BelljarException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A server that this user runs, with what lets this user in.
 *
 * @param url where it listens, for example {@code http://127.0.0.1:8460}
 * @param pass what to present instead of a token
 */
public record ServerOfUser(String url, String pass) {

  /**
   * The server of a data directory. Empty where none runs there, where it belongs to another user,
   * where it does not offer itself to this host (it listens for others, or with TLS), and where it
   * does not answer in time. Blocks, at most that long.
   */
  public static Optional<ServerOfUser> find(Path data, Duration limit) {
    Path socket = RunningServer.socket(data);
    if (!isOwn(socket)) {
      return Optional.empty();
    }
    RunningServer server = null;
    try {
      RunningServer asked = new RunningServer();
      server = asked;
      var answer = new CompletableFuture<Optional<ServerOfUser>>();
      Thread.ofVirtual().name("server of user").start(() -> answer.complete(ask(asked, socket)));
      return answer.get(limit.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.empty();
    } catch (IOException | TimeoutException | ExecutionException e) {
      return Optional.empty();
    } finally {
      if (server != null) {
        // Also ends the question, if it still waits.
        server.close();
      }
    }
  }

  private static Optional<ServerOfUser> ask(RunningServer server, Path socket) {
    try {
      server.connect(socket);
      return server.offer();
    } catch (IOException | BelljarException e) {
      return Optional.empty();
    }
  }

  /**
   * A program goes where this leads, and secrets with it. So the socket must be this user's, as
   * must be the directory, where others could put theirs.
   */
  private static boolean isOwn(Path socket) {
    try {
      Object user = Files.getAttribute(Path.of("/proc/self"), "unix:uid");
      return user.equals(owner(socket)) && user.equals(owner(socket.resolveSibling(".")));
    } catch (IOException | UnsupportedOperationException e) {
      return false;
    }
  }

  private static Object owner(Path path) throws IOException {
    return Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS);
  }

  /** Without the pass. */
  @Override
  public String toString() {
    return "ServerOfUser " + url;
  }
}
