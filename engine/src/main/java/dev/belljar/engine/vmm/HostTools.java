package dev.belljar.engine.vmm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The programs of this host that machines need.
 *
 * @param qemu QEMU's system emulator
 * @param qemuImg QEMU's disk tool
 * @param bubblewrap the jailer
 */
public record HostTools(Path qemu, Path qemuImg, Path bubblewrap) {
  private static final List<String> MORE_DIRECTORIES =
      List.of("/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin", "/usr/libexec");

  /** The oldest QEMU that Belljar works with. */
  public static final String OLDEST_QEMU = "7.2";

  private static final Pattern VERSION = Pattern.compile("(\\d+(?:\\.\\d+)+)");

  /** Finds them; empty where one is missing. */
  public static Optional<HostTools> find() {
    Optional<Path> qemu = locate("qemu-system-x86_64");
    Optional<Path> qemuImg = locate("qemu-img");
    Optional<Path> bubblewrap = locate("bwrap");
    return qemu.isPresent() && qemuImg.isPresent() && bubblewrap.isPresent()
        ? Optional.of(new HostTools(qemu.get(), qemuImg.get(), bubblewrap.get()))
        : Optional.empty();
  }

  /** Where a program is, on PATH or in the usual places. */
  public static Optional<Path> locate(String program) {
    List<String> directories = new ArrayList<>();
    String path = System.getenv("PATH");
    if (path != null) {
      directories.addAll(List.of(path.split(":")));
    }
    directories.addAll(MORE_DIRECTORIES);
    return directories.stream()
        .filter(directory -> directory.startsWith("/"))
        .map(directory -> Path.of(directory, program))
        .filter(Files::isExecutable)
        .findFirst();
  }

  /** Whether a version, as {@link #versionOf} gives it, is that one or a later; not if unknown. */
  public static boolean isAtLeast(String version, String least) {
    String[] parts = version.split("\\.", -1);
    String[] wanted = least.split("\\.", -1);
    for (int i = 0; i < wanted.length; i++) {
      int part = i < parts.length && parts[i].matches("\\d{1,6}") ? Integer.parseInt(parts[i]) : -1;
      int compared = Integer.compare(part, Integer.parseInt(wanted[i]));
      if (compared != 0) {
        return compared > 0;
      }
    }
    return true;
  }

  /** The version that a program tells of itself, or {@code unknown}. */
  public static String versionOf(Path program) {
    try {
      Process process =
          new ProcessBuilder(program.toString(), "--version").redirectErrorStream(true).start();
      process.getOutputStream().close();
      String text =
          new String(
              process.getInputStream().readNBytes(4096), java.nio.charset.StandardCharsets.UTF_8);
      process.destroy();
      Matcher matcher = VERSION.matcher(text);
      return matcher.find() ? matcher.group(1) : "unknown";
    } catch (IOException e) {
      return "unknown";
    }
  }
}
