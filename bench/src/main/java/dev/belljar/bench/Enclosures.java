package dev.belljar.bench;

import dev.belljar.engine.vmm.HostTools;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The enclosures of this host. Each is tried once: one that is missing or does not work here is
 * said in a line, and the others are measured. Nothing is downloaded, and nothing of theirs is
 * changed that is not changed back.
 */
final class Enclosures implements AutoCloseable {
  /** The same for podman and docker: what is in it is this host's. */
  private static final String IMAGE = "belljar-bench-root";

  private static final List<String> MOUNT_POINTS = List.of("usr", "proc", "dev", "sys", "tmp");

  /** Links into {@code /usr} on most hosts, directories of their own on some. */
  private static final List<String> PROGRAMS_AND_LIBRARIES =
      List.of("bin", "sbin", "lib", "lib32", "lib64", "libx32");

  /** What podman and docker would set may be more than this process may have. */
  private static final List<String> LIMITS =
      List.of("--ulimit=nofile=1024:1024", "--ulimit=nproc=8192:8192");

  private final Path directory;
  private final List<String> notes;
  private final List<Enclosure> found = new ArrayList<>();
  private final Set<Path> mounted = new LinkedHashSet<>();
  private Optional<HostCommand> removal = Optional.empty();

  private Enclosures(Path directory, List<String> notes) {
    this.directory = directory;
    this.notes = notes;
  }

  /**
   * Finds those that work.
   *
   * @param scratch what they need is put there
   * @param notes why others are left out is added
   */
  static Enclosures find(Path scratch, List<String> notes)
      throws IOException, InterruptedException {
    Enclosures enclosures = new Enclosures(scratch, notes);
    boolean complete = false;
    try {
      enclosures.look();
      complete = true;
      return enclosures;
    } finally {
      if (!complete) {
        enclosures.close();
      }
    }
  }

  List<Enclosure> all() {
    return List.copyOf(found);
  }

  /** Removes what docker was given; that it could not is noted. */
  @Override
  public void close() {
    if (removal.isEmpty()) {
      return;
    }
    boolean interrupted = Thread.interrupted();
    try {
      removal.get().complaint().ifPresent(this::leftImage);
    } catch (IOException e) {
      leftImage(String.valueOf(e.getMessage()));
    } catch (InterruptedException e) {
      interrupted = true;
      leftImage("interrupted");
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void leftImage(String why) {
    notes.add(
        "docker still has the image " + IMAGE + " (" + why + "); remove it with `docker rmi`.");
  }

  private void look() throws IOException, InterruptedException {
    tryOut("bubblewrap", "bwrap", program -> List.of(bubblewrap(program)));
    tryOut("gVisor (`runsc do`)", "runsc", this::gvisor);
    Path root = directory.resolve("empty-root");
    makeRoot(root);
    tryOut("podman", "podman", program -> podman(program, root));
    tryOut("docker", "docker", program -> docker(program, root));
  }

  /** Ways to use a program, of which the first that works is taken. */
  private interface Ways {
    List<Enclosure.Wrapping> of(Path program)
        throws IOException, InterruptedException, SkippedException;
  }

  private void tryOut(String name, String program, Ways ways) throws InterruptedException {
    Optional<Path> path = HostTools.locate(program);
    if (path.isEmpty()) {
      notes.add(name + " is not measured: there is no `" + program + "` on PATH.");
      return;
    }
    String reason = "";
    try {
      for (Enclosure.Wrapping way : ways.of(path.get())) {
        Enclosure enclosure = new Enclosure(name, way);
        Optional<String> complaint = enclosure.around(HostCommand.of("/bin/true")).complaint();
        if (complaint.isEmpty()) {
          found.add(enclosure);
          return;
        }
        reason = complaint.get();
      }
    } catch (IOException | SkippedException e) {
      reason = String.valueOf(e.getMessage());
    }
    notes.add(name + " is not measured: it does not work here (" + reason + ").");
  }

  private static Enclosure.Wrapping bubblewrap(Path program) {
    return (command, writable) -> {
      List<String> words = new ArrayList<>();
      words.addAll(List.of(program.toString(), "--ro-bind", "/", "/"));
      words.addAll(List.of("--dev", "/dev", "--proc", "/proc"));
      for (Path path : writable) {
        words.addAll(List.of("--bind", path.toString(), path.toString()));
      }
      words.addAll(List.of("--unshare-all", "--die-with-parent"));
      return command.after(words);
    };
  }

  /** Its own command for trying programs: this host's files below a layer in memory. */
  private List<Enclosure.Wrapping> gvisor(Path program) {
    String runsc = program.toString();
    String root = "--root=" + directory.resolve("runsc");
    List<String> asRoot = List.of(runsc, root, "--network=none", "do", "-quiet");
    List<String> asUser = List.of(runsc, root, "--network=none", "--rootless", "do", "-quiet");
    return List.of(
        (command, writable) -> command.after(asRoot), (command, writable) -> command.after(asUser));
  }

  /** With storage of its own, which leaves the user's alone and goes with the scratch directory. */
  private List<Enclosure.Wrapping> podman(Path program, Path root) {
    List<String> global =
        List.of(
            program.toString(),
            "--root=" + directory.resolve("podman"),
            // Of 50 characters at most.
            "--runroot=" + directory.resolve("run"),
            // The others leave a mount behind.
            "--storage-driver=vfs",
            "--events-backend=none");
    List<String> rootfs = List.of("--rootfs", root.toString());
    List<Enclosure.Wrapping> ways = new ArrayList<>();
    ways.add(container(global, List.of("--read-only-tmpfs=false"), rootfs));
    // Where crun, its first choice, does not work: it refuses control groups of both versions.
    HostTools.locate("runc")
        .ifPresent(
            runc -> {
              List<String> withRunc = new ArrayList<>(global);
              withRunc.add("--runtime=" + runc);
              ways.add(container(withRunc, List.of("--read-only-tmpfs=false"), rootfs));
            });
    return ways;
  }

  private List<Enclosure.Wrapping> docker(Path program, Path root)
      throws IOException, InterruptedException, SkippedException {
    String docker = program.toString();
    Optional<String> complaint = HostCommand.of(docker, "version").complaint();
    if (complaint.isPresent()) {
      throw new SkippedException(complaint.get());
    }
    Path archive = directory.resolve("root.tar");
    HostCommand.of("tar", "-C", root.toString(), "-cf", archive.toString(), ".").run();
    removal = Optional.of(HostCommand.of(docker, "rmi", "--force", IMAGE));
    HostCommand.of(docker, "import", archive.toString(), IMAGE).run();
    return List.of(container(List.of(docker), List.of(), List.of(IMAGE)));
  }

  /** {@code run} of podman and docker. */
  private Enclosure.Wrapping container(
      List<String> program, List<String> options, List<String> root) {
    return (command, writable) -> {
      Map<Path, String> mounts = new LinkedHashMap<>();
      mounted.forEach(path -> mounts.put(path, "ro"));
      // A program that is not the system's, like an npm's, is in none of those.
      Path file = Path.of(command.words().getFirst());
      for (Path path : List.of(file, real(file))) {
        if (mounted.stream().noneMatch(path::startsWith) && isOwnPlace(path)) {
          mounts.put(Optional.ofNullable(path.getParent()).orElseThrow(), "ro");
        }
      }
      writable.forEach(path -> mounts.put(path, "rw"));
      List<String> words = new ArrayList<>(program);
      words.addAll(List.of("run", "--rm", "--interactive", "--network=none", "--read-only"));
      words.addAll(options);
      words.addAll(LIMITS);
      words.add("--pull=never");
      mounts.forEach((path, mode) -> words.add("--volume=" + path + ":" + path + ":" + mode));
      command.env().forEach((key, value) -> words.add("--env=" + key + "=" + value));
      words.addAll(root);
      return command.after(words);
    };
  }

  /** Whether it is not reached by a link of the root's, as {@code /bin} is. */
  private static boolean isOwnPlace(Path path) {
    return path.isAbsolute()
        && path.getNameCount() > 1
        && !PROGRAMS_AND_LIBRARIES.contains(path.getName(0).toString());
  }

  private static Path real(Path file) {
    try {
      return file.toRealPath();
    } catch (IOException e) {
      return file;
    }
  }

  /** An empty root with this host's programs and libraries, to be mounted and never copied. */
  private void makeRoot(Path root) throws IOException {
    Files.createDirectory(root);
    for (String name : MOUNT_POINTS) {
      Files.createDirectory(root.resolve(name));
    }
    mounted.add(Path.of("/usr"));
    for (String name : PROGRAMS_AND_LIBRARIES) {
      Path ofHost = Path.of("/", name);
      if (Files.isSymbolicLink(ofHost)) {
        Files.createSymbolicLink(root.resolve(name), Files.readSymbolicLink(ofHost));
      } else if (Files.isDirectory(ofHost)) {
        Files.createDirectory(root.resolve(name));
        mounted.add(ofHost);
      }
    }
  }
}
