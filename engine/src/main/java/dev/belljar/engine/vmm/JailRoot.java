package dev.belljar.engine.vmm;

import dev.belljar.engine.storage.BuildLock;
import dev.belljar.engine.storage.Directories;
import dev.belljar.engine.storage.FileTree;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The file system that a jailed QEMU has as its root: its programs, the libraries that these need,
 * its firmware, and empty directories to mount on. Copied once for each version of QEMU, so that a
 * jail needs one mount for all of it.
 *
 * @param directory where it is on this host
 */
record JailRoot(Path directory) {
  /** QEMU's path in the jail. */
  static final String QEMU = "/usr/bin/qemu-system-x86_64";

  /** The disk tool's path in the jail. */
  static final String QEMU_IMG = "/usr/bin/qemu-img";

  private static final Pattern LIBRARY = Pattern.compile("(?:=> )?(/\\S+) \\(0x");

  /** For another process that makes it, which takes seconds. */
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(2);

  private static final List<String> FIRMWARE =
      List.of("bios-microvm.bin", "linuxboot_dma.bin", "pvh.bin", "qboot.rom", "kvmvapic.bin");
  private static final List<Path> FIRMWARE_DIRECTORIES =
      List.of(
          Path.of("/usr/share/qemu"),
          Path.of("/usr/share/seabios"),
          Path.of("/usr/share/qemu-kvm"),
          Path.of("/usr/local/share/qemu"));
  private static final List<String> MOUNT_POINTS =
      List.of(Jail.IMAGE, Jail.TEMPLATE, Jail.RUN, "/dev", "/tmp");
  private static final List<String> MODULES = List.of("accel-tcg-x86_64.so");

  /** What a QEMU has preloaded that restores a machine; {@code restored.c} says why. */
  static final String PRELOAD = "/restored.so";

  private static final String PRELOAD_SOURCE = "restored.c";

  /** The root for this QEMU, made if it is not there yet. */
  static JailRoot of(HostTools tools, Directories directories) throws IOException {
    Path qemu = tools.qemu().toRealPath();
    Path qemuImg = tools.qemuImg().toRealPath();
    Path made = directories.make(directories.jails()).resolve(key(qemu, qemuImg));
    JailRoot root = new JailRoot(made);
    if (Files.isDirectory(made)) {
      return root;
    }
    try (BuildLock lock =
        BuildLock.acquire(directories.jails().resolve("build.lock"), LONGEST_WAIT)) {
      if (!Files.isDirectory(made)) {
        FileTree.delete(directories.jails().resolve("making"));
        Path making = Files.createDirectory(directories.jails().resolve("making"));
        fill(making, qemu, qemuImg);
        compilePreload(making);
        FileTree.makeReadable(making);
        FileTree.force(making);
        Files.move(making, made, StandardCopyOption.ATOMIC_MOVE);
      }
    }
    return root;
  }

  private static void compilePreload(Path root) throws IOException {
    Path source = Files.write(root.resolve(PRELOAD_SOURCE), preloadSource());
    Process compiler =
        new ProcessBuilder(
                "gcc",
                "-D_GNU_SOURCE",
                "-U_FORTIFY_SOURCE",
                "-Os",
                "-fPIC",
                "-shared",
                "-nostdlib",
                "-fno-stack-protector",
                "-DMEMORY=\"" + Jail.TEMPLATE + "/" + MachineFiles.MEMORY + "\"",
                "-o",
                root.resolve(PRELOAD.substring(1)).toString(),
                source.toString())
            .redirectErrorStream(true)
            .start();
    compiler.getOutputStream().close();
    String said = new String(compiler.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!said.isBlank() || !Files.exists(root.resolve(PRELOAD.substring(1)))) {
      throw new MachineException("gcc could not compile what QEMU has preloaded: " + said.strip());
    }
    Files.delete(source);
  }

  private static byte[] preloadSource() throws IOException {
    try (InputStream in = JailRoot.class.getResourceAsStream(PRELOAD_SOURCE)) {
      if (in == null) {
        throw new IOException("The engine's jar lacks " + PRELOAD_SOURCE);
      }
      return in.readAllBytes();
    }
  }

  private static void fill(Path root, Path qemu, Path qemuImg) throws IOException {
    copy(qemu, root.resolve(QEMU.substring(1)));
    copy(qemuImg, root.resolve(QEMU_IMG.substring(1)));
    TreeSet<Path> libraries = new TreeSet<>(librariesOf(qemu));
    libraries.addAll(librariesOf(qemuImg));
    for (Path directory : moduleDirectories()) {
      for (String name : MODULES) {
        Path module = directory.resolve(name);
        if (Files.isRegularFile(module)) {
          libraries.addAll(librariesOf(module));
          libraries.add(module);
        }
      }
    }
    for (Path library : libraries) {
      copy(library, root.resolve(library.toString().substring(1)));
    }
    for (String name : FIRMWARE) {
      for (Path directory : FIRMWARE_DIRECTORIES) {
        if (Files.isRegularFile(directory.resolve(name))) {
          copy(directory.resolve(name), root.resolve("usr/share/qemu").resolve(name));
          break;
        }
      }
    }
    for (String mountPoint : MOUNT_POINTS) {
      Files.createDirectories(root.resolve(mountPoint.substring(1)));
    }
    for (int layer = 0; layer < MachineDisk.MOST_LAYERS; layer++) {
      Files.createDirectories(
          root.resolve(Jail.LAYERS.substring(1)).resolve(String.valueOf(layer)));
    }
    for (String device : List.of("dev/null", "dev/kvm")) {
      Files.createFile(root.resolve(device));
    }
  }

  private static List<Path> moduleDirectories() throws IOException {
    List<Path> found = new ArrayList<>();
    for (String directory :
        List.of(
            "/usr/lib/x86_64-linux-gnu/qemu",
            "/usr/lib64/qemu",
            "/usr/lib/qemu",
            "/usr/lib64/qemu-kvm")) {
      if (Files.isDirectory(Path.of(directory))) {
        found.add(Path.of(directory));
      }
    }
    return found;
  }

  private static List<Path> librariesOf(Path program) throws IOException {
    Process ldd = new ProcessBuilder("ldd", program.toString()).redirectErrorStream(true).start();
    ldd.getOutputStream().close();
    String text = new String(ldd.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    List<Path> libraries = new ArrayList<>();
    Matcher matcher = LIBRARY.matcher(text);
    while (matcher.find()) {
      libraries.add(Path.of(matcher.group(1)));
    }
    if (text.contains("not found")) {
      throw new MachineException(program + " lacks libraries; reinstall QEMU. ldd says:\n" + text);
    }
    return libraries;
  }

  private static void copy(Path from, Path to) throws IOException {
    Path parent = to.getParent();
    if (parent != null) {
      Files.createDirectories(parent);
    }
    Files.copy(from, to, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Another QEMU, or one that was upgraded in place, has another root. */
  private static String key(Path qemu, Path qemuImg) throws IOException {
    String identity =
        FIRMWARE
            + " "
            + MODULES
            + " "
            + MOUNT_POINTS
            + " "
            + MachineDisk.MOST_LAYERS
            + identity(qemu)
            + identity(qemuImg);
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(identity.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest.digest(preloadSource()), 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }

  private static String identity(Path program) throws IOException {
    return " "
        + program
        + " "
        + Files.size(program)
        + " "
        + Files.getLastModifiedTime(program).toMillis();
  }
}
