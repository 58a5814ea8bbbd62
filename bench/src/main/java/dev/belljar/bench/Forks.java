package dev.belljar.bench;

import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Sandboxes that go on from a checkpoint, beside those that come to the same state by themselves,
 * and what twenty of them take.
 */
final class Forks {
  private static final double TARGET_MILLIS = 500;
  private static final int MANY = 20;
  private static final int MOST_CHECKPOINTS = 10;
  private static final long SETTLE_MILLIS = 3000;

  /** A program with something in memory, that answers from it. */
  private static final String SERVER =
      """
      import socket, json, decimal, email, http.client, sqlite3
      held = {i: str(i) * 10 for i in range(200000)}
      listener = socket.create_server(('127.0.0.1', 7000))
      while True:
          connection, _ = listener.accept()
          connection.sendall(held[199999].encode())
          connection.close()
      """;

  private static final GuestCommand WAIT =
      GuestCommand.of(
          "bash", "-c", "until (exec 3<>/dev/tcp/127.0.0.1/7000) 2>/dev/null; do sleep 0.02; done");
  private static final GuestCommand ASK =
      GuestCommand.of("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/7000; cat <&3");

  private Forks() {}

  static List<Measurement> measure(Workbench bench, StoredDisks.Here here) throws Exception {
    try (Sandbox origin = here.create(SandboxOptions.builder())) {
      warmUp(origin);
      Recording saving = new Recording();
      int checkpoints = Math.min(bench.runs(), MOST_CHECKPOINTS);
      for (int i = 0; i < checkpoints; i++) {
        long began = System.nanoTime();
        origin.checkpoint("warm-" + i);
        saving.addMillisSince("checkpoint", began);
      }
      Recording recording =
          bench.rounds().play(List.of(into -> fork(here, into), into -> anew(here, into)));
      Recording together = new Rounds(0, 1).play(List.of(into -> many(here, into)));
      Unit unit = Unit.MILLISECONDS;
      return List.of(
          new Measurement(
              "storage.fork.first-answer",
              "create a sandbox from a checkpoint of 1280 MB, to the status of `/bin/true`",
              recording.samples("fork", unit),
              TARGET_MILLIS,
              List.of()),
          new Measurement(
              "storage.fork.program",
              "of the same, to the answer of a program that was running",
              recording.samples("fork program", unit),
              new Alternative("started anew", recording.samples("anew program", unit))),
          new Measurement(
              "storage.checkpoint",
              "save that sandbox, until it goes on and all is on the disk",
              saving.samples("checkpoint", unit)),
          new Measurement(
              "storage.fork.private." + MANY,
              "private dirty memory of %d that go on from it, together".formatted(MANY),
              together.samples("private", Unit.MEGABYTES)),
          new Measurement(
              "storage.fork.pss." + MANY,
              "proportional memory (PSS) of those, together",
              together.samples("pss", Unit.MEGABYTES)));
    }
  }

  private static void warmUp(Sandbox sandbox) throws Exception {
    sandbox.fs().writeTextFile("/tmp/server.py", SERVER);
    sandbox.spawn("python3", "/tmp/server.py");
    WAIT.run(sandbox);
    ASK.text(sandbox);
  }

  private static Sandbox fork(StoredDisks.Here here) {
    return here.create(SandboxOptions.builder().checkpoint("warm-0"));
  }

  private static void fork(StoredDisks.Here here, Recording into) throws Exception {
    long began = System.nanoTime();
    try (Sandbox sandbox = fork(here)) {
      GuestCommand.TRUE.run(sandbox);
      into.addMillisSince("fork", began);
    }
    began = System.nanoTime();
    try (Sandbox sandbox = fork(here)) {
      ASK.text(sandbox);
      into.addMillisSince("fork program", began);
    }
  }

  private static void anew(StoredDisks.Here here, Recording into) throws Exception {
    long began = System.nanoTime();
    try (Sandbox sandbox = here.create(SandboxOptions.builder())) {
      warmUp(sandbox);
      into.addMillisSince("anew program", began);
    }
  }

  private static void many(StoredDisks.Here here, Recording into) throws Exception {
    Deque<Sandbox> sandboxes = new ArrayDeque<>();
    try {
      List<QemuProcess> before = QemuProcess.running();
      for (int i = 0; i < MANY; i++) {
        Sandbox sandbox = fork(here);
        sandboxes.push(sandbox);
        ASK.text(sandbox);
      }
      Thread.sleep(SETTLE_MILLIS);
      List<QemuProcess> machines = new ArrayList<>(QemuProcess.running());
      machines.removeAll(before);
      if (machines.size() != MANY) {
        throw new IOException(machines.size() + " QEMU processes were found, not " + MANY);
      }
      double own = 0;
      double proportional = 0;
      for (QemuProcess machine : machines) {
        own += machine.megabytes("Private_Dirty");
        proportional += machine.megabytes("Pss");
      }
      into.add("private", own);
      into.add("pss", proportional);
    } finally {
      sandboxes.forEach(Sandbox::close);
    }
  }
}
