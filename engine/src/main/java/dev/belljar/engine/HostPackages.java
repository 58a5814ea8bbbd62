package dev.belljar.engine;

import dev.belljar.SandboxUnavailableException;
import dev.belljar.engine.vmm.HostTools;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The programs that Belljar needs on this host, and the packages that they come in. */
final class HostPackages {
  /**
   * Program → package of Debian and Ubuntu. The first ones run machines, the others build the
   * image.
   */
  private static final Map<String, String> PROGRAMS = new LinkedHashMap<>();

  static {
    PROGRAMS.put("qemu-system-x86_64", "qemu-system-x86");
    PROGRAMS.put("qemu-img", "qemu-utils");
    PROGRAMS.put("bwrap", "bubblewrap");
    PROGRAMS.put("mmdebstrap", "mmdebstrap");
    PROGRAMS.put("mkfs.erofs", "erofs-utils");
    PROGRAMS.put("mkfs.ext4", "e2fsprogs");
    PROGRAMS.put("musl-gcc", "musl-tools");
    PROGRAMS.put("gcc", "gcc");
    PROGRAMS.put("cpio", "cpio");
    PROGRAMS.put("xz", "xz-utils");
    PROGRAMS.put("npm", "npm");
    PROGRAMS.put("openssl", "openssl");
    PROGRAMS.put("setpriv", "util-linux");
    if (!Host.isRoot()) {
      PROGRAMS.put("newuidmap", "uidmap");
      PROGRAMS.put("newgidmap", "uidmap");
    }
  }

  private HostPackages() {}

  /** Programs that are not on this host. */
  static List<String> missingPrograms() {
    return PROGRAMS.keySet().stream()
        .filter(program -> HostTools.locate(program).isEmpty())
        .toList();
  }

  /** The packages that bring programs. */
  static List<String> packagesOf(List<String> programs) {
    return programs.stream()
        .map(program -> PROGRAMS.getOrDefault(program, program))
        .distinct()
        .toList();
  }

  /** A sentence that says how to install what is missing. */
  static String remedy() {
    String fix = fix();
    return fix.startsWith("sudo ") ? "Run: " + fix : fix;
  }

  /** The command that installs what is missing, or what to install where it is not known how. */
  static String fix() {
    List<String> programs = missingPrograms();
    if (programs.isEmpty()) {
      return "";
    }
    return HostTools.locate("apt-get").isPresent()
        ? "sudo apt-get install -y --no-install-recommends "
            + String.join(" ", packagesOf(programs))
        : "Install the programs "
            + String.join(", ", programs)
            + " with this system's package manager (Debian has them in: "
            + String.join(" ", packagesOf(programs))
            + ").";
  }

  /** Installs what brings these programs, with apt where this user may. */
  static void install(List<String> programs, Progress progress) {
    Optional<Path> apt = HostTools.locate("apt-get");
    boolean root = Host.isRoot();
    Optional<Path> sudo = HostTools.locate("sudo");
    if (apt.isEmpty() || (!root && sudo.isEmpty())) {
      throw new SandboxUnavailableException(
          "This host lacks " + String.join(", ", programs) + ". " + remedy());
    }
    List<String> prefix = root ? List.of() : List.of(sudo.get().toString(), "-n");
    List<String> packages = packagesOf(programs);
    progress.step("Installing " + String.join(", ", packages));
    run(prefix, List.of(apt.get().toString(), "-q", "update"), remedy());
    List<String> command =
        new ArrayList<>(
            List.of(apt.get().toString(), "-q", "install", "-y", "--no-install-recommends"));
    command.addAll(packages);
    run(prefix, command, remedy());
  }

  /** Runs a command as root, with sudo where this user is another. */
  static void runAsRoot(List<String> command, String remedy) {
    run(Host.isRoot() ? List.of() : List.of("sudo", "-n"), command, remedy);
  }

  private static void run(List<String> prefix, List<String> command, String remedy) {
    List<String> whole = new ArrayList<>(prefix);
    whole.addAll(command);
    try {
      ProcessBuilder builder =
          new ProcessBuilder(whole)
              .redirectErrorStream(true)
              .redirectInput(Path.of("/dev/null").toFile());
      builder.environment().put("DEBIAN_FRONTEND", "noninteractive");
      Process process = builder.start();
      String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (process.waitFor() != 0) {
        throw new SandboxUnavailableException(
            "'" + String.join(" ", whole) + "' failed:\n" + said.strip() + "\n" + remedy);
      }
    } catch (IOException e) {
      throw new SandboxUnavailableException(
          "Cannot run " + whole.getFirst() + ": " + e.getMessage() + " " + remedy, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new SandboxUnavailableException("Interrupted while installing packages.", e);
    }
  }
}
