package dev.belljar.engine.volumes;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What tests need to make disks. */
final class Disks {
  private static final Path QEMU_IMG = Path.of("/usr/bin/qemu-img");
  private static final String EMULATOR = "qemu-system-x86_64";

  private Disks() {}

  static DiskTools tools() {
    return new DiskTools(QEMU_IMG, Path.of("/sbin/mkfs.ext4"), Disks::unconfined);
  }

  /** As the tests' own user: what tests make does no harm. */
  private static ConfinedDiskTool.Ended unconfined(
      List<Path> read,
      Optional<Path> written,
      long largest,
      Duration limit,
      ConfinedDiskTool.Arguments arguments)
      throws IOException {
    List<String> command = new ArrayList<>(List.of(QEMU_IMG.toString()));
    command.addAll(
        arguments.of(
            read.stream().map(Path::toString).toList(), written.map(Path::toString).orElse("")));
    Process process = new ProcessBuilder(command).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    String complaints = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    try {
      return new ConfinedDiskTool.Ended(process.waitFor(), output, complaints);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    }
  }

  /** A store that merges nothing in the background. */
  static VolumeStore store(Path directory, LayerMerger merger, InstantSource clock)
      throws IOException {
    return VolumeStore.open(
        directory, tools(), merger, clock, Optional.empty(), Duration.ofHours(1));
  }

  /** As the engine's, without a jail. */
  static LayerMerger merger() {
    return Disks::merge;
  }

  private static void merge(List<Path> files, int kept, long bytes) throws IOException {
    List<String> command =
        new ArrayList<>(List.of(EMULATOR, "-nodefaults", "-display", "none", "-machine", "none"));
    command.addAll(List.of("-qmp", "stdio"));
    for (int i = files.size() - 1; i >= 0; i--) {
      command.add("-blockdev");
      command.add(
          """
          {"driver":"qcow2","node-name":"n%d","read-only":%s,"backing":%s,"file":{"driver":"file","filename":"%s","read-only":%s}}"""
              .formatted(
                  i,
                  i > 0,
                  i == files.size() - 1 ? "null" : "\"n" + (i + 1) + "\"",
                  files.get(i),
                  i > 0));
    }
    Process qemu = new ProcessBuilder(command).redirectErrorStream(true).start();
    try (Writer commands = qemu.outputWriter(StandardCharsets.UTF_8);
        BufferedReader answers = qemu.inputReader(StandardCharsets.UTF_8)) {
      String base = kept == 0 ? "" : ",\"base-node\":\"n" + (files.size() - kept) + "\"";
      commands.write("{\"execute\":\"qmp_capabilities\"}\n");
      commands.write(
          "{\"execute\":\"block-stream\",\"arguments\":{\"device\":\"n0\",\"job-id\":\"j\""
              + base
              + "}}\n");
      commands.flush();
      StringBuilder said = new StringBuilder();
      String line = answers.readLine();
      while (line != null && !line.contains("BLOCK_JOB_COMPLETED")) {
        said.append(line).append('\n');
        line = answers.readLine();
      }
      if (line == null || line.contains("\"error\"")) {
        throw new IOException("No merge: " + said + line);
      }
      commands.write("{\"execute\":\"quit\"}\n");
      commands.flush();
      while (line != null) {
        line = answers.readLine();
      }
    } finally {
      qemu.destroy();
    }
  }

  /** Has what a chain holds be full of a value in the kibibyte of that number. */
  static void write(List<Path> files, int kibibyte, int value) throws IOException {
    run("qemu-io", "-c", "write -P %d %dk 1k".formatted(value, kibibyte), json(files));
  }

  /** Has a part of what a chain holds be full of a value, in mebibytes; zeros take no room. */
  static void fill(List<Path> files, int from, int count, int value) throws IOException {
    String what = value == 0 ? "-z" : "-P " + value;
    run("qemu-io", "-c", "write %s %dM %dM".formatted(what, from, count), json(files));
  }

  /** The first byte of each of so many kibibytes of what a chain holds. */
  static List<Integer> read(List<Path> files, int kibibytes, Path scratch) throws IOException {
    String count = "count=" + kibibytes;
    run("qemu-img", "dd", "-U", "-O", "raw", "bs=1k", count, "if=" + json(files), "of=" + scratch);
    byte[] bytes = Files.readAllBytes(scratch);
    List<Integer> found = new ArrayList<>();
    for (int i = 0; i < kibibytes; i++) {
      found.add((int) bytes[i << 10]);
    }
    return found;
  }

  /** A chain, the uppermost first, in words of QEMU's tools. */
  private static String json(List<Path> files) {
    StringBuilder chain = new StringBuilder("json:");
    for (Path file : files) {
      chain
          .append(file.equals(files.getFirst()) ? "" : ",\"backing\":")
          .append("{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"")
          .append(file)
          .append("\"}");
    }
    return chain + ",\"backing\":null" + "}".repeat(files.size());
  }

  private static void run(String... command) throws IOException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    try {
      if (process.waitFor() != 0) {
        throw new IOException(List.of(command) + ": " + said);
      }
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }
}
