package dev.belljar.engine.volumes;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What tests need to make disks. */
final class Disks {
  private static final String EMULATOR = "qemu-system-x86_64";

  private Disks() {}

  static DiskTools tools() {
    return new DiskTools(Path.of("/usr/bin/qemu-img"), Path.of("/sbin/mkfs.ext4"));
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

  /** Has a file of a volume that no machine has hold that byte in its kibibyte of that number. */
  static void write(Path file, int kibibyte, int value) throws IOException {
    run(
        "qemu-io",
        "-f",
        "qcow2",
        "-c",
        "write -P %d %dk 1k".formatted(value, kibibyte),
        file.toString());
  }

  /** The bytes in the first of so many kibibytes of what a chain holds. */
  static List<Integer> read(List<Path> files, int kibibytes, Path scratch) throws IOException {
    StringBuilder chain = new StringBuilder();
    for (Path file : files) {
      chain
          .append(chain.isEmpty() ? "" : ",\"backing\":")
          .append("{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"")
          .append(file)
          .append("\"}");
    }
    chain.append(",\"backing\":null").append("}".repeat(files.size()));
    run(
        "qemu-img",
        "dd",
        "-U",
        "-O",
        "raw",
        "bs=1k",
        "count=" + kibibytes,
        "if=json:" + chain,
        "of=" + scratch);
    byte[] bytes = java.nio.file.Files.readAllBytes(scratch);
    List<Integer> found = new ArrayList<>();
    for (int i = 0; i < kibibytes; i++) {
      found.add((int) bytes[i << 10]);
    }
    return found;
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
