package dev.belljar.bench;

import dev.belljar.Sandbox;
import java.io.IOException;
import java.net.http.HttpClient;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import tools.jackson.databind.JsonNode;

/**
 * More and more connections to one server, spread over a few sandboxes: first all but one idle,
 * then all at work, each running one small program after another.
 */
final class GrowingConnections implements GrowingSubject {
  private static final long[] COUNTS = {1, 2, 5, 10, 20, 50, 100, 200};
  private static final long MOST_WHEN_QUICK = 50;
  private static final int SANDBOXES = 4;
  private static final int EXECS = 100;
  private static final Duration AT_WORK = Duration.ofSeconds(6);
  private static final Duration AT_WORK_WHEN_QUICK = Duration.ofSeconds(2);

  @Override
  public String name() {
    return "connections";
  }

  @Override
  public Growth measure(Workbench bench, Steps steps) throws Exception {
    Path launcher = Launcher.in(bench.root());
    Growth.Builder growth = new Growth.Builder();
    Deque<Sandbox> sandboxes = new ArrayDeque<>();
    Deque<RawSocket> sockets = new ArrayDeque<>();
    try (ServerProcess server =
            ServerProcess.start(launcher, bench.scratch().directory(), SANDBOXES);
        HttpClient client = HttpClient.newHttpClient()) {
      try {
        for (int i = 0; i < SANDBOXES; i++) {
          sandboxes.push(Served.create(server.endpoint()));
        }
        List<String> ids = sandboxes.stream().map(Sandbox::id).toList();
        steps.take(
            count -> {
              while (sockets.size() < count) {
                String id = ids.get(sockets.size() % SANDBOXES);
                RawSocket socket = RawSocket.connect(client, server.endpoint(), id);
                sockets.push(socket);
                // What is made for the first program counts, too.
                exec(socket);
              }
              growth.step(count);
              look(server, sockets, steps.quick() ? AT_WORK_WHEN_QUICK : AT_WORK, growth);
            },
            MOST_WHEN_QUICK,
            COUNTS);
      } finally {
        sockets.forEach(RawSocket::close);
        sandboxes.forEach(Sandbox::close);
      }
    }
    return growth.build(
        name(),
        "Connections to one server, over " + SANDBOXES + " sandboxes",
        "connections at once",
        false);
  }

  private static void look(
      ServerProcess server, Deque<RawSocket> sockets, Duration atWork, Growth.Builder growth)
      throws Exception {
    Recording alone = new Recording();
    for (int i = 0; i < EXECS; i++) {
      long began = System.nanoTime();
      exec(sockets.getFirst());
      alone.addMillisSince("exec", began);
    }
    long began = System.nanoTime();
    Recording together = workAll(sockets, began + atWork.toNanos());
    double seconds = (System.nanoTime() - began) / 1e9;
    Footprint footprint = server.footprint();
    Unit time = Unit.MILLISECONDS;
    Samples idle = alone.samples("exec", time);
    Samples busy = together.samples("exec", time);
    growth.add("idle.p50", "`/bin/true`, others idle, p50", time, idle.p50());
    growth.add("idle.p99", "p99, others idle", time, idle.p99());
    growth.add("busy.p50", "`/bin/true`, all at work, p50", time, busy.p50());
    growth.add("busy.p99", "p99, all at work", time, busy.p99());
    growth.add("rate", "programs a second, all", Unit.PER_SECOND, busy.values().size() / seconds);
    growth.add("heap", "the server's heap, collected", Unit.MEGABYTES, footprint.heap());
    growth.add("threads", "the server's threads", Unit.COUNT, footprint.threads());
  }

  /** All at once, each over and over until that {@link System#nanoTime}. */
  private static Recording workAll(Deque<RawSocket> sockets, long until) throws Exception {
    List<Future<List<Long>>> all = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (RawSocket socket : sockets) {
        all.add(
            threads.submit(
                () -> {
                  List<Long> nanos = new ArrayList<>();
                  do {
                    long began = System.nanoTime();
                    exec(socket);
                    nanos.add(System.nanoTime() - began);
                  } while (System.nanoTime() < until);
                  return nanos;
                }));
      }
      Recording recording = new Recording();
      for (Future<List<Long>> one : all) {
        one.get().forEach(nanos -> recording.add("exec", nanos / 1e6));
      }
      return recording;
    }
  }

  private static void exec(RawSocket socket) throws IOException, InterruptedException {
    JsonNode started =
        socket.call(
            "spawn",
            RawSocket.params()
                .put("command", "/bin/true")
                .put("stdout", "null")
                .put("stderr", "null"));
    JsonNode ended =
        socket.call("processWait", RawSocket.params().put("pid", started.path("pid").asLong(0)));
    if (!ended.path("success").asBoolean(false)) {
      throw new IOException("/bin/true was answered: " + ended);
    }
  }
}
