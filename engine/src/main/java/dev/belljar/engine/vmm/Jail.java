package dev.belljar.engine.vmm;

import dev.belljar.engine.storage.Directories;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What confines QEMU: bubblewrap, with namespaces of its own for everything, an empty network, no
 * capabilities, no new privileges, and a root that holds only QEMU and the files of this machine.
 * Dies with the thread that started it.
 *
 * <p>Where Belljar runs as root, QEMU runs as {@code nobody}. Nobody may not walk through root's
 * home, so the cache directory is first bound to a place that everybody can reach, in a mount
 * namespace that goes with the machine.
 */
public final class Jail {
  /** Where a jail has the image. */
  public static final String IMAGE = "/image";

  /** Where a jail has the template. */
  public static final String TEMPLATE = "/template";

  /** Where a jail has the machine's own directory. */
  static final String RUN = "/machine";

  /** {@code nobody} on every Linux: whom QEMU runs as when Belljar runs as root. */
  private static final int NOBODY = 65_534;

  private static final Path KVM = Path.of("/dev/kvm");
  private static final int OPEN_FILES = 1024;
  private static final List<String> REACHABLE = List.of("/mnt", "/srv", "/media", "/opt");

  private final HostTools tools;
  private final Directories directories;
  private final JailRoot root;
  private final boolean privileged;

  private Jail(HostTools tools, Directories directories, JailRoot root, boolean privileged) {
    this.tools = tools;
    this.directories = directories;
    this.root = root;
    this.privileged = privileged;
  }

  /** The jail of this host. */
  public static Jail of(HostTools tools, Directories directories, String qemuVersion)
      throws IOException {
    boolean privileged = (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid") == 0;
    return new Jail(tools, directories, JailRoot.of(tools, directories, qemuVersion), privileged);
  }

  /** In a few words, for {@code Isolation}. */
  public String describe() {
    return "bubblewrap, "
        + (privileged ? "uid " + NOBODY : "the uid of its user")
        + ", no capabilities, own namespaces, no network, seccomp";
  }

  /** Gives a directory or file of a machine to whoever QEMU runs as. */
  public void hand(Path file) throws IOException {
    if (privileged) {
      Files.setAttribute(file, "unix:uid", NOBODY);
      Files.setAttribute(file, "unix:gid", NOBODY);
    }
  }

  /** Takes a directory and what is in it back from whoever QEMU ran as. */
  public void takeBack(Path directory) throws IOException {
    if (privileged) {
      try (var all = Files.walk(directory)) {
        for (Path file : (Iterable<Path>) all::iterator) {
          Files.setAttribute(file, "unix:uid", 0);
          Files.setAttribute(file, "unix:gid", 0);
        }
      }
    }
  }

  /**
   * How QEMU is told to open a memory file for reading and map it privately, where it can be told.
   */
  String readOnlyMemory() {
    return root.preload().isPresent() ? "" : ",readonly=on,rom=off";
  }

  /** The command that runs QEMU's in the jail. */
  List<String> command(MachineFiles files, Accelerator accelerator, List<String> qemu)
      throws IOException {
    List<String> command = new ArrayList<>();
    add(command, "prlimit", "--core=0", "--nofile=" + OPEN_FILES);
    if (privileged) {
      String reachable = reachable();
      add(
          command,
          "unshare",
          "--mount",
          "sh",
          "-c",
          "mount --bind \"$0\" \"$1\" && shift && exec \"$@\"");
      add(command, directories.cache().toString(), reachable);
      add(command, "setpriv", "--reuid=" + NOBODY, "--regid=" + NOBODY, "--no-new-privs");
      int kvmGroup = accelerator == Accelerator.KVM ? groupOf(KVM) : 0;
      // The group of root opens far more than /dev/kvm.
      add(command, kvmGroup == 0 ? "--clear-groups" : "--groups=" + kvmGroup);
    }
    add(
        command,
        tools.bubblewrap().toString(),
        "--unshare-all",
        "--unshare-user",
        "--die-with-parent",
        "--new-session");
    add(command, "--cap-drop", "ALL", "--clearenv", "--hostname", "belljar");
    if (!privileged) {
      add(command, "--uid", Integer.toString(NOBODY), "--gid", Integer.toString(NOBODY));
    }
    bind(command, "--ro-bind", root.directory(), "/");
    bind(command, "--ro-bind", files.image(), IMAGE);
    bind(command, files.state().isPresent() ? "--ro-bind" : "--bind", files.template(), TEMPLATE);
    bind(command, "--bind", files.run(), RUN);
    add(command, "--dev-bind", "/dev/null", "/dev/null");
    if (accelerator == Accelerator.KVM) {
      add(command, "--dev-bind", KVM.toString(), KVM.toString());
    }
    if (files.state().isPresent() && root.preload().isPresent()) {
      add(command, "--setenv", "LD_PRELOAD", root.preload().get());
    }
    add(command, "--chdir", "/", "--");
    command.addAll(qemu);
    return List.copyOf(command);
  }

  private void bind(List<String> command, String how, Path source, String target)
      throws IOException {
    if (privileged) {
      letThrough(source);
      add(command, how, reachable() + "/" + directories.cache().relativize(source), target);
    } else {
      add(command, how, source.toString(), target);
    }
  }

  /** Lets everybody walk through, but not look into, the directories from the cache to a file. */
  private void letThrough(Path file) throws IOException {
    for (Path directory = file.getParent();
        directory != null && directory.startsWith(directories.cache());
        directory = directory.getParent()) {
      int mode = (Integer) Files.getAttribute(directory, "unix:mode") & 07777;
      boolean ours = (Integer) Files.getAttribute(directory, "unix:uid") == 0;
      if (ours && (mode & 0001) == 0) {
        Files.setAttribute(directory, "unix:mode", mode | 0011);
      }
    }
  }

  private static String reachable() {
    return REACHABLE.stream()
        .filter(place -> Files.isDirectory(Path.of(place)))
        .findFirst()
        .orElse("/tmp");
  }

  private static int groupOf(Path file) throws IOException {
    return (Integer) Files.getAttribute(file, "unix:gid");
  }

  private static void add(List<String> command, String... words) {
    command.addAll(List.of(words));
  }
}
