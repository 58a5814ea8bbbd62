package dev.belljar.engine.template;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import java.util.zip.CRC32;

/**
 * The processor of this host, as far as a frozen machine depends on it: its clock's frequency and,
 * with KVM, its features.
 */
final class HostProcessor {
  private static final Path CPUINFO = Path.of("/proc/cpuinfo");

  private HostProcessor() {}

  /** Differs between processors that cannot share a template. */
  static String identity() throws IOException {
    CRC32 crc = new CRC32();
    try (Stream<String> lines = Files.lines(CPUINFO, StandardCharsets.ISO_8859_1)) {
      lines
          .takeWhile(line -> !line.isEmpty())
          .filter(
              line ->
                  line.startsWith("model name")
                      || line.startsWith("flags")
                      || line.startsWith("microcode"))
          .forEach(line -> crc.update(line.getBytes(StandardCharsets.ISO_8859_1)));
    }
    return "%08x".formatted(crc.getValue());
  }
}
