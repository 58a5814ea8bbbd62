package dev.belljar.bench;

import dev.belljar.Endpoint;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import java.io.IOException;
import java.net.http.HttpClient;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;

/** {@code belljar serve}, and what its protocol costs beside an embedded sandbox. */
final class Served implements Subject {
  private static final int SANDBOXES = 10;

  private static final double START_TARGET_MILLIS = 2000;
  private static final int STARTS = 10;

  private static final double CALL_TARGET_MILLIS = 2;
  private static final int CALLS_A_ROUND = 20;

  /** Calls before those that count, so that both sides are compiled as they are in long use. */
  private static final int CALLS_TO_WARM_UP = 2000;

  private static final double EXEC_TARGET_MILLIS = 3;
  private static final int EXECS_A_ROUND = 5;
  private static final int EXECS_TO_WARM_UP = 100;

  private static final double CREATE_TARGET_MILLIS = 60;

  private static final double SOCKETS_TARGET_MEGABYTES = 200;
  private static final int SOCKETS = 200;
  private static final int SOCKET_ROUNDS = 3;

  @Override
  public String name() {
    return "server";
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    Path launcher = Launcher.in(bench.root());
    Path scratch = bench.scratch().directory();
    List<Measurement> measurements = new ArrayList<>();
    measurements.add(start(bench, launcher));
    try (ServerProcess server = ServerProcess.start(launcher, scratch, SANDBOXES);
        HttpClient client = HttpClient.newHttpClient()) {
      measurements.add(call(bench, server, client));
      measurements.addAll(exec(bench, server));
      measurements.addAll(create(bench, server));
      measurements.addAll(ServedFiles.measure(bench, server, client));
      measurements.add(sockets(bench, server, client));
    }
    return measurements;
  }

  /** A sandbox of that server. */
  static Sandbox create(Endpoint server) {
    return Sandbox.create(SandboxOptions.builder().endpoint(server).build());
  }

  /** A sandbox of this program. */
  static Sandbox createEmbedded() {
    return Sandbox.create(SandboxOptions.builder().local().build());
  }

  private static Measurement start(Workbench bench, Path launcher) throws Exception {
    Task start =
        into -> {
          try (ServerProcess server =
              ServerProcess.start(launcher, bench.scratch().directory(), SANDBOXES)) {
            into.add("start", server.startMillis());
          }
        };
    return new Measurement(
        "server.start",
        "`./belljar serve`, to its first answer",
        bench.rounds(STARTS).play(List.of(start)).samples("start", Unit.MILLISECONDS),
        START_TARGET_MILLIS,
        List.of());
  }

  private static Measurement call(Workbench bench, ServerProcess server, HttpClient client)
      throws Exception {
    try (Sandbox sandbox = create(server.endpoint());
        RawSocket socket = RawSocket.connect(client, server.endpoint(), sandbox.id())) {
      for (int i = 0; i < CALLS_TO_WARM_UP; i++) {
        call(sandbox);
        socket.ping();
      }
      Recording recording =
          bench
              .rounds()
              .play(
                  List.of(
                      into -> {
                        for (int i = 0; i < CALLS_A_ROUND; i++) {
                          long began = System.nanoTime();
                          call(sandbox);
                          into.addMillisSince("call", began);
                        }
                      },
                      into -> {
                        for (int i = 0; i < CALLS_A_ROUND; i++) {
                          long began = System.nanoTime();
                          socket.ping();
                          into.addMillisSince("ping", began);
                        }
                      }));
      return new Measurement(
          "server.call",
          "a call to the server that does nothing in the guest (`envGet`)",
          recording.samples("call", Unit.MILLISECONDS),
          CALL_TARGET_MILLIS,
          List.of(
              new Alternative(
                  "`ping` on the same server's socket",
                  recording.samples("ping", Unit.MILLISECONDS))));
    }
  }

  private static void call(Sandbox sandbox) throws IOException {
    if (sandbox.env().get("PATH").isEmpty()) {
      throw new IOException("The sandbox has no PATH.");
    }
  }

  private static List<Measurement> exec(Workbench bench, ServerProcess server) throws Exception {
    try (Sandbox served = create(server.endpoint());
        Sandbox embedded = createEmbedded()) {
      for (int i = 0; i < EXECS_TO_WARM_UP; i++) {
        GuestCommand.TRUE.run(served);
        GuestCommand.TRUE.run(embedded);
      }
      Recording recording =
          bench
              .rounds()
              .play(
                  List.of(
                      into -> {
                        for (int i = 0; i < EXECS_A_ROUND; i++) {
                          double remote = execMillis(served);
                          double local = execMillis(embedded);
                          into.add("served", remote);
                          into.add("embedded", local);
                          into.add("added", remote - local);
                        }
                      }));
      return List.of(
          new Measurement(
              "server.exec",
              "`/bin/true` in a running sandbox of a server",
              recording.samples("served", Unit.MILLISECONDS),
              new Alternative("embedded", recording.samples("embedded", Unit.MILLISECONDS))),
          new Measurement(
              "server.exec.added",
              "what the server adds to that, pair by pair",
              recording.samples("added", Unit.MILLISECONDS),
              EXEC_TARGET_MILLIS,
              List.of()));
    }
  }

  private static double execMillis(Sandbox sandbox) throws IOException {
    long began = System.nanoTime();
    GuestCommand.TRUE.run(sandbox);
    return (System.nanoTime() - began) / 1e6;
  }

  private static List<Measurement> create(Workbench bench, ServerProcess server) throws Exception {
    AtomicBoolean embeddedFirst = new AtomicBoolean();
    Recording recording =
        bench
            .rounds()
            .play(
                List.of(
                    into -> {
                      // Neither always finds what the other has just left.
                      boolean first = embeddedFirst.getAndSet(!embeddedFirst.get());
                      double before = first ? createMillis(Served::createEmbedded) : 0;
                      double served = createMillis(() -> create(server.endpoint()));
                      double embedded = first ? before : createMillis(Served::createEmbedded);
                      into.add("embedded", embedded);
                      into.add("served", served);
                      into.add("added", served - embedded);
                    }));
    Samples embedded = recording.samples("embedded", Unit.MILLISECONDS);
    return List.of(
        new Measurement(
            "server.create",
            "create a sandbox on a server",
            recording.samples("served", Unit.MILLISECONDS),
            new Alternative("embedded", embedded)),
        new Measurement(
            "server.create.added",
            "what the server adds to that, pair by pair",
            recording.samples("added", Unit.MILLISECONDS),
            CREATE_TARGET_MILLIS,
            List.of()));
  }

  private static double createMillis(Supplier<Sandbox> how) {
    long began = System.nanoTime();
    Sandbox sandbox = how.get();
    double millis = (System.nanoTime() - began) / 1e6;
    sandbox.close();
    return millis;
  }

  private static Measurement sockets(Workbench bench, ServerProcess server, HttpClient client)
      throws Exception {
    try (Sandbox sandbox = create(server.endpoint())) {
      Recording recording =
          bench
              .rounds(SOCKET_ROUNDS)
              .play(List.of(into -> openMany(server, client, sandbox.id(), into)));
      return new Measurement(
          "server.sockets",
          "heap of the server that " + SOCKETS + " idle sockets on one sandbox cost",
          recording.samples("heap", Unit.MEGABYTES),
          SOCKETS_TARGET_MEGABYTES,
          List.of());
    }
  }

  private static void openMany(
      ServerProcess server, HttpClient client, String sandboxId, Recording into) throws Exception {
    Deque<RawSocket> sockets = new ArrayDeque<>();
    try {
      double before = server.heapMegabytes();
      for (int i = 0; i < SOCKETS; i++) {
        RawSocket socket = RawSocket.connect(client, server.endpoint(), sandboxId);
        sockets.push(socket);
        // What is made for the first message counts, too.
        socket.call("envGet", RawSocket.params().put("key", "PATH"));
        socket.ping();
      }
      into.add("heap", server.heapMegabytes() - before);
    } finally {
      sockets.forEach(RawSocket::close);
    }
  }
}
