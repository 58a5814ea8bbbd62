package dev.belljar.bench;

import dev.belljar.Sandbox;
import java.io.IOException;
import java.net.http.HttpClient;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Random;

/** Files of 50 MB through a server, each one message as with the official clients. */
final class ServedFiles {
  private static final int SIZE = 50_000_000;
  private static final double TARGET_RATIO = 0.5;

  /** Each moves 300 MB. */
  private static final int ROUNDS = 10;

  private static final String GUEST_FILE = "/tmp/data";

  private final byte[] data = new byte[SIZE];

  private ServedFiles() {
    new Random(1).nextBytes(data);
  }

  static List<Measurement> measure(Workbench bench, ServerProcess server, HttpClient client)
      throws Exception {
    ServedFiles files = new ServedFiles();
    try (Sandbox embedded = Served.createEmbedded();
        Sandbox served = Served.create(server.endpoint());
        RawSocket socket = RawSocket.connect(client, server.endpoint(), served.id())) {
      Recording recording =
          bench.rounds(ROUNDS).play(List.of(into -> files.round(embedded, served, socket, into)));
      List<Measurement> measurements = new ArrayList<>();
      measurements.addAll(measurements("write", recording));
      measurements.addAll(measurements("read", recording));
      return measurements;
    }
  }

  private void round(Sandbox embedded, Sandbox served, RawSocket socket, Recording into)
      throws IOException, InterruptedException {
    record(
        "write",
        into,
        timed(() -> embedded.fs().writeFile(GUEST_FILE, data)),
        timed(() -> write(socket)),
        timed(() -> served.fs().writeFile(GUEST_FILE, data)));
    record(
        "read",
        into,
        timed(() -> check(embedded.fs().readFile(GUEST_FILE))),
        timed(() -> check(read(socket))),
        timed(() -> check(served.fs().readFile(GUEST_FILE))));
  }

  private static void record(
      String direction, Recording into, double embedded, double socket, double client) {
    into.add(direction + " embedded", embedded);
    into.add(direction, socket);
    into.add(direction + " client", client);
    into.add(direction + " ratio", socket / embedded);
  }

  /** Something that moves the file once. */
  @FunctionalInterface
  private interface Transfer {
    void run() throws IOException, InterruptedException;
  }

  /** Megabytes per second. */
  private static double timed(Transfer transfer) throws IOException, InterruptedException {
    long began = System.nanoTime();
    transfer.run();
    return SIZE * 1e3 / (System.nanoTime() - began);
  }

  private void write(RawSocket socket) throws IOException, InterruptedException {
    String content = Base64.getEncoder().encodeToString(data);
    socket.callLarge(
        "writeFile", "{\"path\":\"" + GUEST_FILE + "\",\"content\":\"" + content + "\"}");
  }

  private static byte[] read(RawSocket socket) throws IOException, InterruptedException {
    String content = socket.callLarge("readFile", "{\"path\":\"" + GUEST_FILE + "\"}");
    return Base64.getDecoder().decode(content.substring(1, content.length() - 1));
  }

  private void check(byte[] read) throws IOException {
    if (!Arrays.equals(read, data)) {
      throw new IOException("What was read is not what was written.");
    }
  }

  private static List<Measurement> measurements(String direction, Recording recording) {
    Unit rate = Unit.MEGABYTES_PER_SECOND;
    return List.of(
        new Measurement(
            "server." + direction,
            direction + " a file of 50 MB through the server's socket, as one message",
            recording.samples(direction, rate),
            new Alternative("embedded", recording.samples(direction + " embedded", rate)),
            new Alternative(
                "the Java client, in parts", recording.samples(direction + " client", rate))),
        new Measurement(
            "server." + direction + ".ratio",
            "that rate beside the embedded one, pair by pair",
            recording.samples(direction + " ratio", Unit.TIMES),
            TARGET_RATIO,
            List.of()));
  }
}
