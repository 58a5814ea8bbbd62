package dev.belljar.engine.vmm;

import dev.belljar.engine.storage.Directories;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What confines QEMU: bubblewrap, with namespaces of its own for everything, an empty network, no
 * capabilities, no new privileges, and a root that holds only QEMU and the files of this machine;
 * and a control group, where this user may make one. Dies with the thread that started it. Every
 * machine's jail is looked at from outside before the machine is handed out.
 *
 * <p>Where Belljar runs as root, QEMU runs as a user of its own, who may not walk through the cache
 * directory. What it needs is first bound to a place that it can reach, in a mount namespace that
 * goes with the machine.
 */
public final class Jail {
  /** Where a jail has the image. */
  public static final String IMAGE = "/image";

  /** Where a jail has the template. */
  public static final String TEMPLATE = "/template";

  /** Set to 1, machines run also where their jail lacks something; the log says what. */
  public static final String INSECURE_VARIABLE = "BELLJAR_INSECURE_JAIL";

  /** The system property that does the same, set to {@code true}. */
  public static final String INSECURE_PROPERTY = "belljar.insecureJail";

  /** Where a jail has the machine's own directory. */
  static final String RUN = "/machine";

  /** Where a jail has what disks consist of, each layer in a directory named by its number. */
  static final String LAYERS = "/layers";

  private static final Logger LOG = LoggerFactory.getLogger(Jail.class);
  private static final Path KVM = Path.of("/dev/kvm");
  private static final Path NULL = Path.of("/dev/null");
  private static final long OPEN_FILES = 1024;

  /** Of a user of its own only: others count all processes of that user. */
  private static final long PROCESSES = 256;

  /** The disk of a machine's own; {@code ColdBoot} makes it. */
  private static final long OWN_DISK_BYTES = 10L << 30;

  /** What a qcow2 file takes beyond the disk that it holds, and more. */
  private static final long FILE_OVERHEAD = 1L << 30;

  private static final List<String> REACHABLE = List.of("/mnt", "/srv", "/media", "/opt", "/tmp");

  private final HostTools tools;
  private final JailRoot root;
  private final Cgroups cgroups;
  private final String groupPrefix;
  private final int ownId;
  private final Path reachable;
  private final Set<String> announced = ConcurrentHashMap.newKeySet();

  private Jail(
      HostTools tools,
      JailRoot root,
      Cgroups cgroups,
      String groupPrefix,
      int ownId,
      Path reachable) {
    this.tools = tools;
    this.root = root;
    this.cgroups = cgroups;
    this.groupPrefix = groupPrefix;
    this.ownId = ownId;
    this.reachable = reachable;
  }

  /**
   * The jail of this host.
   *
   * @param groupPrefix what the names of the machines' control groups begin with
   */
  public static Jail of(
      HostTools tools, Directories directories, Cgroups cgroups, String groupPrefix)
      throws IOException {
    int ownId = (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    JailRoot root = JailRoot.of(tools, directories);
    return new Jail(tools, root, cgroups, groupPrefix, ownId, reachable(tools, directories));
  }

  /** Whom the next machine runs as; what it writes to must be given to that user. */
  public JailUser nextUser() {
    return JailUser.next(ownId);
  }

  /** Takes a directory and what is in it back from whoever QEMU ran as. */
  public void takeBack(Path directory) throws IOException {
    if (ownId == 0) {
      try (var all = Files.walk(directory)) {
        for (Path file : (Iterable<Path>) all::iterator) {
          Files.setAttribute(file, "unix:uid", 0, LinkOption.NOFOLLOW_LINKS);
          Files.setAttribute(file, "unix:gid", 0, LinkOption.NOFOLLOW_LINKS);
        }
      }
    }
  }

  /** The control group for a machine, if this user may make one. */
  Optional<MachineCgroup> group(MachineFiles files, MachineShape shape) {
    return cgroups.make(groupPrefix + files.run().getFileName(), shape);
  }

  /** What a machine's process lacks of its jail, looked at from outside; empty if nothing. */
  List<String> missing(long pid, MachineFiles files, Accelerator accelerator) throws IOException {
    return new JailCheck(Path.of("/proc"), promise(files, accelerator)).verify(pid);
  }

  /**
   * Lets a machine run that lacks something, where this was asked for, and says so once.
   *
   * @throws IncompleteJailException where it was not
   */
  void accept(List<String> missing) throws IncompleteJailException {
    if (!insecureAccepted()) {
      throw new IncompleteJailException(missing);
    }
    if (announced.addAll(missing)) {
      LOG.warn(
          "Machines run although their jail lacks what is promised, because that was asked for: {}",
          String.join("; ", missing));
    }
  }

  /** Whether machines run although their jail lacks something. */
  public static boolean insecureAccepted() {
    return Boolean.getBoolean(INSECURE_PROPERTY) || "1".equals(System.getenv(INSECURE_VARIABLE));
  }

  /** How the process that {@link #command} starts must be confined. */
  JailPromise promise(MachineFiles files, Accelerator accelerator) throws IOException {
    Map<String, Path> mounts = new LinkedHashMap<>();
    Set<String> writable = new java.util.HashSet<>();
    for (Bind bind : binds(files, accelerator)) {
      mounts.put(bind.target(), bind.source());
      if (!bind.how().equals("--ro-bind")) {
        writable.add(bind.target());
      }
    }
    Map<String, Long> limits = new LinkedHashMap<>();
    limits.put("Max core file size", 0L);
    limits.put("Max open files", OPEN_FILES);
    limits.put("Max file size", largestFile(files));
    if (files.user().kind() == JailUser.Kind.OF_THE_MACHINE) {
      limits.put("Max processes", PROCESSES);
    }
    int kvmGroup = accelerator == Accelerator.KVM ? groupOf(KVM) : 0;
    Set<Integer> groups = kvmGroup == 0 ? Set.of() : Set.of(kvmGroup);
    return new JailPromise(
        files.user(),
        groups,
        root.directory().resolve(JailRoot.QEMU.substring(1)),
        mounts,
        writable,
        limits);
  }

  /**
   * The command that runs QEMU's in the jail. Where Belljar is root, {@link #mountTable} must be
   * there when it runs.
   */
  List<String> command(MachineFiles files, Accelerator accelerator, List<String> qemu)
      throws IOException {
    Optional<String> preload =
        files.state().isPresent() ? Optional.of(JailRoot.PRELOAD) : Optional.empty();
    return command(
        new Inside(
            files.user(),
            binds(files, accelerator),
            mountTable(files),
            largestFile(files),
            accelerator == Accelerator.KVM ? groupOf(KVM) : 0,
            preload),
        qemu);
  }

  /**
   * The command that runs another program of QEMU's in a jail of its own.
   *
   * @param table where to write what is mounted before it drops root; must be there when it runs
   */
  List<String> command(ToolFiles files, Path table, List<String> program) throws IOException {
    List<Bind> binds = new ArrayList<>();
    binds.add(new Bind("--ro-bind", root.directory(), "/"));
    for (int i = 0; i < files.read().size(); i++) {
      binds.add(new Bind("--ro-bind", files.read().get(i), LAYERS + "/" + i));
    }
    files.written().ifPresent(written -> binds.add(new Bind("--bind", written, RUN)));
    binds.add(new Bind("--dev-bind", NULL, NULL.toString()));
    return command(
        new Inside(files.user(), binds, table, files.largest(), 0, Optional.empty()), program);
  }

  /**
   * What a jail is made for.
   *
   * @param group the one that it may have besides its own; 0 for none
   */
  private record Inside(
      JailUser user,
      List<Bind> binds,
      Path table,
      long largestFile,
      int group,
      Optional<String> preload) {}

  private List<String> command(Inside inside, List<String> program) throws IOException {
    List<String> command = new ArrayList<>();
    add(command, "prlimit", "--core=0", "--nofile=" + OPEN_FILES, "--fsize=" + inside.largestFile);
    if (inside.user.kind() == JailUser.Kind.OF_THE_MACHINE) {
      add(command, "--nproc=" + PROCESSES);
    }
    if (privileged()) {
      writeMountTable(inside.table, inside.binds);
      add(
          command,
          "unshare",
          "--mount",
          "sh",
          "-c",
          "umask 022 && mount -a -T \"$0\" && exec \"$@\"");
      add(command, inside.table.toString());
      String id = Integer.toString(inside.user.id());
      add(command, "setpriv", "--reuid=" + id, "--regid=" + id, "--no-new-privs");
      // The group of root opens far more than /dev/kvm.
      add(command, inside.group == 0 ? "--clear-groups" : "--groups=" + inside.group);
    }
    add(
        command,
        tools.bubblewrap().toString(),
        "--unshare-all",
        "--unshare-user",
        "--die-with-parent",
        "--new-session");
    add(command, "--cap-drop", "ALL", "--clearenv", "--hostname", "belljar");
    if (!privileged()) {
      String nobody = Integer.toString(JailUser.NOBODY_ID);
      add(command, "--uid", nobody, "--gid", nobody);
    }
    for (Bind bind : inside.binds) {
      Path source = privileged() ? bind.reachable(reachable) : bind.source();
      add(command, bind.how(), source.toString(), bind.target());
    }
    if (inside.preload.isPresent()) {
      add(command, "--setenv", "LD_PRELOAD", inside.preload.get());
    }
    add(command, "--chdir", "/", "--");
    command.addAll(program);
    return List.copyOf(command);
  }

  /** What is mounted for a machine before it drops root; beside its directory, not in it. */
  Path mountTable(MachineFiles files) {
    return files.run().resolveSibling(files.run().getFileName() + ".mounts");
  }

  private static long largestFile(MachineFiles files) {
    return files.disks().stream().mapToLong(MachineDisk::bytes).reduce(OWN_DISK_BYTES, Math::max)
        + FILE_OVERHEAD;
  }

  private boolean privileged() {
    return ownId == 0;
  }

  private record Bind(String how, Path source, String target) {
    /** Where a user without rights finds it. */
    Path reachable(Path place) {
      if (target.startsWith("/dev/")) {
        return source;
      }
      return place.resolve(target.equals("/") ? "root" : target.substring(1));
    }
  }

  private List<Bind> binds(MachineFiles files, Accelerator accelerator) {
    List<Bind> binds = new ArrayList<>();
    binds.add(new Bind("--ro-bind", root.directory(), "/"));
    binds.add(new Bind("--ro-bind", files.image(), IMAGE));
    String template = files.state().isPresent() ? "--ro-bind" : "--bind";
    binds.add(new Bind(template, files.template(), TEMPLATE));
    binds.add(new Bind("--bind", files.run(), RUN));
    List<MachineDisk.Layer> layers = files.layers();
    for (int i = 0; i < layers.size(); i++) {
      String how = layers.get(i).writable() ? "--bind" : "--ro-bind";
      binds.add(new Bind(how, layers.get(i).directory(), LAYERS + "/" + i));
    }
    binds.add(new Bind("--dev-bind", NULL, NULL.toString()));
    if (accelerator == Accelerator.KVM) {
      binds.add(new Bind("--dev-bind", KVM, KVM.toString()));
    }
    return binds;
  }

  /** In fstab(5)'s form, so that one process mounts all of it. */
  private void writeMountTable(Path file, List<Bind> binds) throws IOException {
    StringBuilder table = new StringBuilder();
    table.append("belljar ").append(escape(reachable));
    table.append(" tmpfs size=64k,mode=0755,nosuid,nodev 0 0\n");
    for (Bind bind : binds) {
      if (!bind.target().startsWith("/dev/")) {
        table.append(escape(bind.source())).append(' ').append(escape(bind.reachable(reachable)));
        table.append(" none bind,X-mount.mkdir 0 0\n");
      }
    }
    Files.createFile(
        file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    Files.writeString(file, table, StandardOpenOption.WRITE);
  }

  private static String escape(Path path) {
    return path.toString()
        .replace("\\", "\\134")
        .replace(" ", "\\040")
        .replace("\t", "\\011")
        .replace("\n", "\\012");
  }

  /** A directory to mount on, which hides nothing that is needed after that. */
  private static Path reachable(HostTools tools, Directories directories) throws MachineException {
    return REACHABLE.stream()
        .map(Path::of)
        .filter(Files::isDirectory)
        .filter(
            place ->
                !directories.cache().startsWith(place) && !tools.bubblewrap().startsWith(place))
        .findFirst()
        .orElseThrow(
            () ->
                new MachineException(
                    "There is no directory to mount on. Make one of "
                        + String.join(", ", REACHABLE)
                        + ", or set BELLJAR_CACHE to a directory elsewhere."));
  }

  private static int groupOf(Path file) throws IOException {
    return (Integer) Files.getAttribute(file, "unix:gid");
  }

  private static void add(List<String> command, String... words) {
    command.addAll(List.of(words));
  }
}
