package dev.belljar.engine;

import dev.belljar.ByteSize;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxUnavailableException;
import dev.belljar.engine.HostReport.Finding;
import dev.belljar.engine.HostReport.State;
import dev.belljar.engine.image.Image;
import dev.belljar.engine.image.ImageStore;
import dev.belljar.engine.storage.Directories;
import dev.belljar.engine.template.AcceleratorChoice;
import dev.belljar.engine.vmm.Accelerator;
import dev.belljar.engine.vmm.Cgroups;
import dev.belljar.engine.vmm.HostTools;
import dev.belljar.engine.vmm.Jail;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** This host, as a place for sandboxes: what it offers, and how it is made ready. */
public final class Host {
  private static final long ENOUGH_DISK = 3L << 30;
  private static final long ENOUGH_MEMORY = 2L << 30;

  private Host() {}

  /** Looks at this host without changing anything; takes well under a second. */
  public static HostReport inspect() {
    Directories directories = Directories.ofUser();
    List<Finding> findings = new ArrayList<>();
    findings.add(tools());
    findings.add(qemu());
    findings.add(accelerator(directories));
    findings.add(userNamespaces());
    findings.add(subordinateIds());
    findings.add(jail());
    findings.add(cgroups());
    findings.add(image(directories));
    findings.add(disk(directories));
    findings.add(memory());
    findings.add(
        new Finding(
            "processors",
            State.OK,
            Integer.toString(Runtime.getRuntime().availableProcessors()),
            "",
            ""));
    return new HostReport(findings);
  }

  /** Whether nothing is left to install or build. */
  public static boolean isSetUp() {
    try {
      return HostTools.find().isPresent()
          && new ImageStore(Directories.ofUser()).find().isPresent();
    } catch (IOException e) {
      return false;
    }
  }

  /**
   * Makes this host ready: installs the programs that are missing, if so asked and allowed, builds
   * the image, finds out what accelerates machines, and makes the template of the default size.
   * Does what is left to do; quick where nothing is.
   *
   * @throws SandboxUnavailableException where that is not possible; the message says what mends it
   */
  public static void setUp(Progress progress, boolean installPackages) {
    boolean imageBuilt;
    try {
      imageBuilt = new ImageStore(Directories.ofUser()).find().isPresent();
    } catch (IOException e) {
      throw new SandboxUnavailableException(
          "The image's recipe cannot be read: " + e.getMessage(), e);
    }
    if (!imageBuilt || HostTools.find().isEmpty()) {
      List<String> missing = HostPackages.missingPrograms();
      if (!missing.isEmpty()) {
        if (!installPackages) {
          throw new SandboxUnavailableException(
              "This host lacks " + String.join(", ", missing) + ". " + HostPackages.remedy());
        }
        HostPackages.install(missing, progress);
      }
    }
    if (!imageBuilt && !isRoot()) {
      SubordinateIds.ofUser().provide(installPackages, progress);
    }
    LocalEngine.instance(progress::step)
        .prepare(SandboxOptions.builder().local().build(), progress::step);
  }

  /**
   * Lets machines of this process run also where their jail lacks something; what is missing is
   * logged as a warning, once, and told by {@code Sandbox.isolation()}. The environment variable
   * {@code BELLJAR_INSECURE_JAIL=1} and the system property {@code belljar.insecureJail=true} do
   * the same.
   */
  public static void acceptInsecureJails() {
    System.setProperty(Jail.INSECURE_PROPERTY, "true");
  }

  /** Whether machines of this process may run where their jail lacks something. */
  public static boolean acceptsInsecureJails() {
    return Jail.insecureAccepted();
  }

  /**
   * Ends all sandboxes of this process and removes what belonged to them, as the end of the JVM
   * does; none can be made any more. Blocks until that is done.
   */
  public static void end() {
    LocalEngine.endInstance();
  }

  private static Finding tools() {
    List<String> missing = HostPackages.missingPrograms();
    return missing.isEmpty()
        ? new Finding("programs", State.OK, "all there", "", "")
        : new Finding(
            "programs",
            HostTools.find().isPresent() && isSetUp() ? State.WARNING : State.MISSING,
            String.join(", ", missing) + " missing",
            "They run machines, or build the image.",
            HostPackages.fix());
  }

  private static Finding qemu() {
    Optional<Path> qemu = HostTools.locate("qemu-system-x86_64");
    if (qemu.isEmpty()) {
      return new Finding(
          "qemu", State.MISSING, "not there", "It runs the machines.", HostPackages.fix());
    }
    String version = HostTools.versionOf(qemu.get());
    return HostTools.isAtLeast(version, HostTools.OLDEST_QEMU)
        ? new Finding("qemu", State.OK, version, qemu.get().toString(), "")
        : new Finding(
            "qemu",
            State.MISSING,
            version,
            qemu.get() + ": " + HostTools.OLDEST_QEMU + " or newer is needed.",
            "");
  }

  private static Finding accelerator(Directories directories) {
    String version =
        HostTools.locate("qemu-system-x86_64").map(HostTools::versionOf).orElse("unknown");
    Optional<AcceleratorChoice> choice = AcceleratorChoice.remembered(directories, version);
    if (choice.isEmpty()) {
      return new Finding(
          "accelerator",
          State.WARNING,
          "not found out yet",
          "It is decided by booting a machine.",
          "belljar setup");
    }
    boolean hardware = choice.get().accelerator() == Accelerator.KVM;
    return new Finding(
        "accelerator",
        hardware ? State.OK : State.WARNING,
        hardware ? "kvm (hardware virtualization)" : "tcg (software emulation)",
        choice.get().reason(),
        choice.get().fix());
  }

  private static Finding userNamespaces() {
    String limit = read("/proc/sys/user/max_user_namespaces").orElse("0");
    String cloning = read("/proc/sys/kernel/unprivileged_userns_clone").orElse("1");
    boolean root = isRoot();
    boolean allowed = !limit.equals("0") && !cloning.equals("0");
    return new Finding(
        "user namespaces",
        allowed || root ? State.OK : State.MISSING,
        allowed ? "allowed" : "not allowed",
        root
            ? "Belljar runs as root here and drops it for every machine."
            : "The jail is made of them.",
        allowed || root
            ? ""
            : "sudo sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000");
  }

  private static Finding subordinateIds() {
    if (isRoot()) {
      return new Finding(
          "subordinate ids", State.OK, "not needed", "Belljar runs as root here.", "");
    }
    SubordinateIds ids = SubordinateIds.ofUser();
    return new Finding(
        "subordinate ids",
        ids.missing().isEmpty() ? State.OK : isSetUp() ? State.WARNING : State.MISSING,
        ids.missing().isEmpty() ? "there" : "none in " + String.join(", ", ids.missing()),
        "The files of the image belong to them while it is built.",
        ids.fix());
  }

  private static Finding cgroups() {
    Cgroups cgroups = Cgroups.ofThisProcess();
    String always =
        "A machine's limits hold inside it in any case, and QEMU may write no file above 11 GiB, open"
            + " no more than 1024 and dump no core.";
    if (cgroups.places().isEmpty()) {
      return new Finding(
          "limits",
          State.WARNING,
          "none by cgroup",
          always
              + " No group can be made: "
              + String.join("; ", Set.copyOf(cgroups.reasons().values())),
          Files.isDirectory(Path.of("/run/user/" + ownId() + "/systemd"))
              ? "systemd-run --user --scope belljar serve"
              : "");
    }
    String which =
        cgroups.places().entrySet().stream()
            .map(place -> place.getKey() + " (cgroup v" + place.getValue().version() + ")")
            .collect(Collectors.joining(", "));
    String missing =
        cgroups.reasons().entrySet().stream()
            .map(reason -> " Not " + reason.getKey() + ": " + reason.getValue() + ".")
            .collect(Collectors.joining());
    return new Finding(
        "limits",
        cgroups.reasons().isEmpty() ? State.OK : State.WARNING,
        which,
        "A machine may take its memory and "
            + Cgroups.OVERHEAD_MEBIBYTES
            + " MiB, and half a processor more than it has. "
            + always
            + missing,
        "");
  }

  private static Finding jail() {
    return Jail.insecureAccepted()
        ? new Finding(
            "jail",
            State.WARNING,
            "may lack something",
            "Machines run all the same, because " + Jail.INSECURE_VARIABLE + " is 1.",
            "unset " + Jail.INSECURE_VARIABLE)
        : new Finding("jail", State.OK, "looked at from outside, for every machine", "", "");
  }

  private static Finding image(Directories directories) {
    try {
      Optional<Image> image = new ImageStore(directories).find();
      return image.isPresent()
          ? new Finding(
              "image", State.OK, image.get().hash(), image.get().directory().toString(), "")
          : new Finding(
              "image",
              State.MISSING,
              "not built yet",
              "It takes some minutes, once.",
              "belljar setup");
    } catch (IOException e) {
      return new Finding(
          "image", State.MISSING, "not readable", String.valueOf(e.getMessage()), "belljar setup");
    }
  }

  private static Finding disk(Directories directories) {
    Path place = directories.cache();
    while (!Files.exists(place) && place.getParent() != null) {
      place = place.getParent();
    }
    if (!Files.isDirectory(place) || !Files.isWritable(place)) {
      return new Finding(
          "disk",
          State.MISSING,
          "not writable",
          directories.cache() + " cannot be made or written.",
          "export BELLJAR_CACHE=/a/directory/of/your/own");
    }
    try {
      long free = Files.getFileStore(place).getUsableSpace();
      return new Finding(
          "disk",
          free >= ENOUGH_DISK ? State.OK : State.WARNING,
          new ByteSize(free) + " free",
          directories.cache().toString(),
          free >= ENOUGH_DISK ? "" : "export BELLJAR_CACHE=/a/directory/with/more/room");
    } catch (IOException e) {
      return new Finding("disk", State.WARNING, "unknown", String.valueOf(e.getMessage()), "");
    }
  }

  private static Finding memory() {
    try (Stream<String> lines = Files.lines(Path.of("/proc/meminfo"))) {
      long available =
          lines
              .filter(line -> line.startsWith("MemAvailable:"))
              .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
              .findFirst()
              .orElse(0);
      return new Finding(
          "memory",
          available >= ENOUGH_MEMORY ? State.OK : State.WARNING,
          new ByteSize(available) + " available",
          "A sandbox takes what it touches, 1.3 GiB at most by default.",
          "");
    } catch (IOException e) {
      return new Finding("memory", State.WARNING, "unknown", String.valueOf(e.getMessage()), "");
    }
  }

  static boolean isRoot() {
    return ownId() == 0;
  }

  private static int ownId() {
    try {
      return (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    } catch (IOException e) {
      return -1;
    }
  }

  private static Optional<String> read(String file) {
    try {
      return Optional.of(Files.readString(Path.of(file), StandardCharsets.US_ASCII).strip());
    } catch (IOException e) {
      return Optional.empty();
    }
  }
}
