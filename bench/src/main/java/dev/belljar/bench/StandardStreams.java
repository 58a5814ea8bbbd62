package dev.belljar.bench;

import dev.belljar.Sandbox;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** 64 MiB out of a process, and into one. */
final class StandardStreams implements Subject {
  private static final int SIZE = 64 << 20;
  private static final String[] WRITER = {
    "/usr/bin/head", "-c", Integer.toString(SIZE), "/dev/zero"
  };
  private static final double STDOUT_TARGET_RATE = 90;
  private static final String READER = "/bin/cat";

  @Override
  public String name() {
    return "stdio";
  }

  @Override
  public List<Measurement> measure(Workbench bench) throws Exception {
    byte[] input = new byte[SIZE];
    Map<String, HostCommand> writers = bench.alternatives(HostCommand.of(WRITER));
    Map<String, HostCommand> readers = bench.alternatives(HostCommand.of(READER));
    try (Sandbox sandbox = Sandbox.create()) {
      List<Task> tasks = new ArrayList<>();
      tasks.add(
          into -> {
            long began = System.nanoTime();
            check(new GuestCommand(WRITER[0], List.of(WRITER).subList(1, 4)).drain(sandbox));
            into.addRateSince("stdout", began, SIZE);
            began = System.nanoTime();
            GuestCommand.of(READER).feed(sandbox, input);
            into.addRateSince("stdin", began, SIZE);
          });
      List<String> others = new ArrayList<>();
      writers.forEach(
          (name, writer) -> {
            HostCommand reader = readers.get(name);
            if (reader != null) {
              others.add(name);
              tasks.add(into -> onHost(writer, reader, input, name, into));
            }
          });
      Recording recording = bench.rounds().play(tasks);
      return List.of(
          measurement("stdout", "64 MiB from `head -c 64M /dev/zero`", others, recording),
          measurement("stdin", "64 MiB to `cat > /dev/null`", others, recording));
    }
  }

  private static void onHost(
      HostCommand writer, HostCommand reader, byte[] input, String name, Recording into)
      throws IOException, InterruptedException {
    long began = System.nanoTime();
    check(writer.drain());
    into.addRateSince("stdout, " + name, began, SIZE);
    began = System.nanoTime();
    reader.feed(input);
    into.addRateSince("stdin, " + name, began, SIZE);
  }

  private static Measurement measurement(
      String stream, String what, List<String> others, Recording recording) {
    Unit rate = Unit.MEGABYTES_PER_SECOND;
    List<Alternative> alternatives =
        others.stream()
            .map(name -> new Alternative(name, recording.samples(stream + ", " + name, rate)))
            .toList();
    return new Measurement(
        stream,
        what,
        recording.samples(stream, rate),
        stream.equals("stdout") ? OptionalDouble.of(STDOUT_TARGET_RATE) : OptionalDouble.empty(),
        alternatives);
  }

  private static void check(long length) throws IOException {
    if (length != SIZE) {
      throw new IOException(length + " bytes were written, not " + SIZE);
    }
  }
}
