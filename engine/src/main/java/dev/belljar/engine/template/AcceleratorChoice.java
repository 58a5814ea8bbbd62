package dev.belljar.engine.template;

import dev.belljar.engine.storage.BuildLock;
import dev.belljar.engine.storage.Directories;
import dev.belljar.engine.storage.FileTree;
import dev.belljar.engine.storage.RunDirectories;
import dev.belljar.engine.vmm.Accelerator;
import dev.belljar.engine.vmm.IncompleteJailException;
import dev.belljar.engine.vmm.Machine;
import dev.belljar.engine.vmm.MachineShape;
import java.io.IOException;
import java.io.Reader;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Optional;
import java.util.Properties;
import java.util.function.Consumer;

/**
 * Which accelerator works on this host, found out by booting a machine with it: there are hosts
 * whose /dev/kvm opens, makes a machine, and still cannot run a kernel. Remembered until kernel,
 * QEMU or /dev/kvm change.
 *
 * @param accelerator what works
 * @param reason why, in a sentence
 */
public record AcceleratorChoice(Accelerator accelerator, String reason) {
  private static final Path KVM = Path.of("/dev/kvm");

  /**
   * A machine with hardware virtualization is up in a second; one that takes this long is no better
   * than emulation.
   */
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(2);

  private static final Duration PROBE_LIMIT = Duration.ofSeconds(10);

  /** What was found out before, if it still holds. */
  public static Optional<AcceleratorChoice> remembered(
      Directories directories, String qemuVersion) {
    Properties properties = new Properties();
    try (Reader reader = Files.newBufferedReader(file(directories))) {
      properties.load(reader);
      if (circumstances(qemuVersion).equals(properties.getProperty("circumstances"))) {
        return Optional.of(
            new AcceleratorChoice(
                Accelerator.valueOf(properties.getProperty("accelerator", "")),
                properties.getProperty("reason", "")));
      }
    } catch (IOException | IllegalArgumentException e) {
      // Not found out yet, or not in a form that is believed: it is found out again.
    }
    return Optional.empty();
  }

  /** Finds out, if it was not remembered; takes up to ten seconds. */
  public static AcceleratorChoice make(
      Directories directories,
      RunDirectories runs,
      ColdBoot boot,
      String qemuVersion,
      Consumer<String> progress)
      throws IOException {
    directories.make(directories.cache());
    try (BuildLock lock =
        BuildLock.acquire(directories.cache().resolve("accelerator.lock"), LONGEST_WAIT)) {
      Optional<AcceleratorChoice> known = remembered(directories, qemuVersion);
      if (known.isPresent()) {
        return known.get();
      }
      progress.accept("Finding out whether hardware virtualization works here");
      return probe(directories, runs, boot);
    }
  }

  private static AcceleratorChoice probe(
      Directories directories, RunDirectories runs, ColdBoot boot) throws IOException {
    KvmAccess access = KvmAccess.now();
    if (!access.granted()) {
      return new AcceleratorChoice(Accelerator.TCG, access.reason());
    }
    Path scratch = directories.cache().resolve("probe");
    FileTree.delete(scratch);
    Files.createDirectory(scratch);
    try (Machine machine =
        boot.boot(new MachineShape(Accelerator.KVM, 768, 1), scratch, runs.create(), PROBE_LIMIT)) {
      return new AcceleratorChoice(
          Accelerator.KVM, "A machine booted with KVM (process " + machine.process().pid() + ").");
    } catch (IncompleteJailException e) {
      throw e;
    } catch (IOException e) {
      return new AcceleratorChoice(
          Accelerator.TCG,
          "/dev/kvm may be used but does not work, and nothing here mends that: "
              + firstLine(e.getMessage()));
    } finally {
      FileTree.delete(scratch);
    }
  }

  /**
   * Remembers it, once a machine has run with it: a failure that had nothing to do with KVM must
   * not be taken for its lack.
   */
  public void remember(Directories directories, String qemuVersion) throws IOException {
    Properties properties = new Properties();
    properties.setProperty("circumstances", circumstances(qemuVersion));
    properties.setProperty("accelerator", accelerator.name());
    properties.setProperty("reason", reason);
    Path file = file(directories);
    Path draft = file.resolveSibling("accelerator.draft");
    try (Writer writer = Files.newBufferedWriter(draft)) {
      properties.store(writer, null);
    }
    Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
  }

  /** The command that would let machines have hardware virtualization; empty if there is none. */
  public String fix() {
    return accelerator == Accelerator.KVM ? "" : KvmAccess.now().fix();
  }

  private static Path file(Directories directories) {
    return directories.cache().resolve("accelerator.properties");
  }

  private static String circumstances(String qemuVersion) {
    return "2: "
        + System.getProperty("os.version")
        + " qemu "
        + qemuVersion
        + " kvm "
        + permissionsOfKvm();
  }

  private static String permissionsOfKvm() {
    try {
      return Files.getAttribute(KVM, "unix:mode")
          + ":"
          + Files.getAttribute(KVM, "unix:gid")
          + ":"
          + Files.isWritable(KVM);
    } catch (IOException e) {
      return "none";
    }
  }

  private static String firstLine(@org.jspecify.annotations.Nullable String text) {
    return text == null ? "" : text.lines().findFirst().orElse("");
  }
}
