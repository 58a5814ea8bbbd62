package dev.belljar.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.belljar.Sandbox;
import dev.belljar.engine.storage.Directories;
import dev.belljar.engine.vmm.HostTools;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What another user of this host gets of a sandbox that runs: nothing. */
@Timeout(60)
class OtherUsersIT {
  /** Goes through what it reads, by name, and prints what it could open, list or connect to. */
  private static final String PROBE =
      """
      use Socket;
      while (my $path = <STDIN>) {
        chomp $path;
        my $got = 0;
        if (-S $path || $ARGV[0]) {
          socket(my $s, PF_UNIX, SOCK_STREAM, 0);
          $got = 1 if connect($s, sockaddr_un($path));
        }
        $got = 1 if open(my $file, '<', $path) && defined(read($file, my $byte, 1));
        $got = 1 if open(my $file, '+<', $path);
        $got = 1 if opendir(my $directory, $path);
        print "$path\\n" if $got;
      }
      """;

  private static Sandbox sandbox;
  private static Sandbox another;

  @BeforeAll
  static void create() throws IOException {
    assumeTrue(Host.isRoot(), "only root can be somebody else");
    assumeTrue(HostTools.locate("perl").isPresent(), "the probe is in Perl");
    sandbox = Sandbox.create();
    another = Sandbox.create();
    sandbox.sh("echo up").text();
  }

  @AfterAll
  static void close() {
    for (Sandbox made : new Sandbox[] {sandbox, another}) {
      if (made != null) {
        made.close();
      }
    }
  }

  @Test
  void theProbeFindsWhatItMay() throws Exception {
    assertThat(probe(0)).hasSizeGreaterThan(10).anyMatch(path -> path.endsWith("/disk.qcow2"));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 12_345, 65_534})
  void anotherUserReadsWritesListsAndConnectsToNothing(int user) throws Exception {
    assertThat(probe(user)).isEmpty();
  }

  @Test
  void anotherMachinesUserReachesNothingAndCannotSignalIt() throws Exception {
    List<ProcessHandle> machines = HostProcesses.ownQemus(2);
    int first = user(machines.getFirst());
    int second = user(machines.getLast());
    assumeTrue(first != 65_534, "no ids to spare in this user namespace");
    assertThat(first).isNotEqualTo(second);
    assertThat(probe(first)).as("closed even to its own user, from outside of its jail").isEmpty();
    for (int user : List.of(second, 65_534)) {
      Process kill =
          as(user, "/bin/sh", "-c", "kill -0 " + machines.getFirst().pid() + " 2>/dev/null");
      assertThat(kill.waitFor()).isNotZero();
    }
  }

  @Test
  void theDirectoriesAreTheirOwnersOnly() throws IOException {
    Directories directories = Directories.ofUser();
    for (Path directory :
        List.of(
            directories.cache(),
            directories.run(),
            directories.images(),
            directories.templates(),
            directories.jails())) {
      assertThat(mode(directory)).as(directory.toString()).isEqualTo(0700);
    }
    try (Stream<Path> all = Files.walk(ownRun(directories))) {
      for (Path path : (Iterable<Path>) all::iterator) {
        assertThat(mode(path)).as(path.toString()).isEqualTo(Files.isDirectory(path) ? 0700 : 0600);
      }
    }
  }

  /** The directory of this process, told by the lock that it holds beside it. */
  private static Path ownRun(Directories directories) throws IOException {
    try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
      for (Path descriptor : (Iterable<Path>) open::iterator) {
        Path file = target(descriptor);
        if (directories.run().equals(file.getParent())) {
          return directories.run().resolve(file.getFileName().toString().replace(".lock", ""));
        }
      }
    }
    throw new AssertionError("this process holds no lock");
  }

  private static Path target(Path descriptor) throws IOException {
    try {
      return Files.readSymbolicLink(descriptor);
    } catch (NoSuchFileException e) {
      return descriptor; // closed meanwhile
    }
  }

  private static int mode(Path path) throws IOException {
    return (Integer) Files.getAttribute(path, "unix:mode") & 0777;
  }

  private static int user(ProcessHandle process) throws IOException {
    return (Integer) Files.getAttribute(Path.of("/proc/" + process.pid()), "unix:uid");
  }

  /** Those of the cache's files that the user could do something with. */
  private static List<String> probe(int user) throws IOException, InterruptedException {
    List<String> paths = new ArrayList<>();
    try (Stream<Path> all = Files.walk(Directories.ofUser().cache(), 4)) {
      all.map(Path::toString).forEach(paths::add);
    }
    assertThat(paths).anyMatch(path -> path.endsWith("/channel"));
    Process process = as(user, "perl", "-e", PROBE, user == 0 ? "" : "connect");
    try (var in = process.outputWriter(UTF_8)) {
      for (String path : paths) {
        in.write(path + "\n");
      }
    }
    List<String> reached = process.inputReader(UTF_8).lines().toList();
    assertThat(process.waitFor()).isZero();
    return reached;
  }

  private static Process as(int user, String... command) throws IOException {
    List<String> words = new ArrayList<>(List.of("setpriv", "--reuid=" + user, "--regid=" + user));
    words.add("--clear-groups");
    words.addAll(List.of(command));
    return new ProcessBuilder(words).redirectError(ProcessBuilder.Redirect.INHERIT).start();
  }
}
