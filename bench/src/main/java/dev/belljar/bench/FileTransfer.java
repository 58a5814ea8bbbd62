package dev.belljar.bench;

import dev.belljar.Sandbox;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/** Files of 64 MiB through the API. */
final class FileTransfer implements Subject {
  private static final int SIZE = 64 << 20;
  private static final double TARGET_RATE = 90;
  private static final String GUEST_FILE = "/tmp/data";

  @Override
  public String name() {
    return "files";
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    // Neither zeros nor a pattern: nothing on the way can make it smaller.
    byte[] data = new byte[SIZE];
    new Random(1).nextBytes(data);
    Path hostFile = bench.scratch().directory().resolve("data");
    try (Sandbox sandbox = Sandbox.create()) {
      Recording recording =
          bench
              .rounds()
              .play(
                  List.of(
                      into -> {
                        long began = System.nanoTime();
                        sandbox.fs().writeFile(GUEST_FILE, data);
                        into.addRateSince("write", began, SIZE);
                        began = System.nanoTime();
                        check(sandbox.fs().readFile(GUEST_FILE).length);
                        into.addRateSince("read", began, SIZE);
                      },
                      into -> {
                        long began = System.nanoTime();
                        Files.write(hostFile, data);
                        into.addRateSince("write on the host", began, SIZE);
                        began = System.nanoTime();
                        check(Files.readAllBytes(hostFile).length);
                        into.addRateSince("read on the host", began, SIZE);
                      }));
      return List.of(measurement("write", recording), measurement("read", recording));
    } finally {
      Files.deleteIfExists(hostFile);
    }
  }

  private static Measurement measurement(String direction, Recording recording) {
    Unit rate = Unit.MEGABYTES_PER_SECOND;
    return new Measurement(
        "files." + direction,
        direction + " a file of 64 MiB through the API",
        recording.samples(direction, rate),
        TARGET_RATE,
        List.of(
            new Alternative(
                "native, `java.nio` in " + System.getProperty("java.io.tmpdir"),
                recording.samples(direction + " on the host", rate))));
  }

  private static void check(int length) throws IOException {
    if (length != SIZE) {
      throw new IOException(length + " bytes were read, not " + SIZE);
    }
  }
}
