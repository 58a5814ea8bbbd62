package dev.belljar.engine.vmm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where groups are made, on hosts of each kind. The kernel's file system is a directory here. */
class CgroupsTest {
  private static final MachineShape SHAPE = new MachineShape(Accelerator.TCG, 1024, 2);

  @TempDir private Path host;

  @Test
  void inVersionTwoGroupsAreMadeBesideOurOwn() throws IOException {
    version2("/user.slice/user@1000.service/app.slice/run-1.scope");
    Path slice = handDown("user.slice/user@1000.service/app.slice", "memory pids");
    handDown("user.slice/user@1000.service", "cpu memory pids");

    Cgroups cgroups = Cgroups.find(host, path -> path.startsWith(slice));

    assertThat(cgroups.places())
        .isEqualTo(
            Map.of("memory", new Cgroups.Place(slice, 2), "pids", new Cgroups.Place(slice, 2)));
    assertThat(cgroups.reasons().get("cpu")).contains("user@1000.service is not writable");
  }

  @Test
  void inVersionTwoNoGroupIsMadeAboveOneThatIsNotOurs() throws IOException {
    version2("/user.slice/user-1000.slice/session-1.scope");
    handDown("user.slice/user-1000.slice", "memory pids");

    Cgroups cgroups = Cgroups.find(host, path -> false);

    assertThat(cgroups.places()).isEmpty();
    assertThat(cgroups.directories()).isEmpty();
    assertThat(cgroups.reasons()).containsOnlyKeys("memory", "cpu", "pids");
    assertThat(cgroups.make("belljar-1", SHAPE)).isEmpty();
  }

  @Test
  void inVersionTwoALimitThatIsNotHandedDownIsNamed() throws IOException {
    version2("/");
    handDown("", "hugetlb");

    assertThat(Cgroups.find(host, path -> true).reasons().get("memory"))
        .contains("hands down memory");
  }

  @Test
  void inVersionOneGroupsAreMadeBelowOurOwn() throws IOException {
    version1("/docker/abc", "/");
    Path memory = Files.createDirectories(host.resolve("sys/memory/docker/abc"));
    Path both = Files.createDirectories(host.resolve("sys/both/docker/abc"));

    Cgroups cgroups = Cgroups.find(host, path -> true);

    assertThat(cgroups.places())
        .isEqualTo(
            Map.of(
                "memory", new Cgroups.Place(memory, 1),
                "cpu", new Cgroups.Place(both, 1),
                "pids", new Cgroups.Place(both, 1)));
    assertThat(cgroups.directories()).containsExactly(memory, both);
  }

  @Test
  void inAContainerOurGroupIsWhereItIsMounted() throws IOException {
    version1("/docker/abc", "/docker/abc");
    Files.createDirectories(host.resolve("sys/both"));
    Path memory = Files.createDirectories(host.resolve("sys/memory"));

    assertThat(Cgroups.find(host, path -> true).places().get("memory"))
        .isEqualTo(new Cgroups.Place(memory, 1));
  }

  @Test
  void aGroupThatIsMountedElsewhereIsNotGuessed() throws IOException {
    version1("/docker/abc", "/docker/other");
    Files.createDirectories(host.resolve("sys/memory"));

    assertThat(Cgroups.find(host, path -> true).places()).isEmpty();
  }

  @Test
  void memoryIsBoundByOurOwnGroupAndThoseAboveIt() throws IOException {
    version2("/system.slice/belljar.service");
    Path top = host.resolve("sys");

    assertThat(Cgroups.boundingMemory(host, path -> false))
        .containsExactly(
            top.resolve("system.slice/belljar.service"), top.resolve("system.slice"), top);
  }

  @Test
  void whereMachinesAreBesideOurOwnGroupItsLimitIsNotTheirs() throws IOException {
    version2("/user.slice/app.slice/run-1.scope");
    Path slice = handDown("user.slice/app.slice", "memory");

    assertThat(Cgroups.boundingMemory(host, path -> path.startsWith(slice)))
        .containsExactly(slice, slice.getParent(), host.resolve("sys"));
  }

  @Test
  void inVersionOneMemoryIsBoundByTheGroupsOfThatController() throws IOException {
    version1("/docker/abc", "/");
    Path own = Files.createDirectories(host.resolve("sys/memory/docker/abc"));
    Path top = host.resolve("sys/memory");

    assertThat(Cgroups.boundingMemory(host, path -> false))
        .containsExactly(own, own.getParent(), top);
  }

  @Test
  void whereOurOwnGroupIsNotMountedMemoryIsBoundByThatWhichIs() throws IOException {
    version1("/docker/abc", "/docker/other");
    Path memory = Files.createDirectories(host.resolve("sys/memory"));

    assertThat(Cgroups.boundingMemory(host, path -> false)).containsExactly(memory);
    assertThat(Cgroups.boundingMemory(host.resolve("nowhere"), path -> false)).isEmpty();
  }

  @Test
  void aMachineMayTakeItsMemoryAndTheOverheadItsProcessorsAndItsThreads() throws IOException {
    version2("/app.slice/run-1.scope");
    Path slice = handDown("app.slice", "cpu memory pids");
    // A directory has no files of its own when it is made, as the kernel's have.
    Path group = slice.resolve("belljar-1");
    Cgroups cgroups = Cgroups.find(host, path -> true);

    assertThat(cgroups.make("belljar-1", SHAPE)).as("the files are not there").isEmpty();
    assertThat(group).as("nothing is left of it").doesNotExist();
    assertThat(cgroups.settings(SHAPE))
        .containsEntry(group.resolveSibling("memory.max"), "1610612736")
        .containsEntry(group.resolveSibling("cpu.max"), "250000 100000")
        .containsEntry(group.resolveSibling("pids.max"), "162");
  }

  @Test
  void whereProcCannotBeReadThereIsNoPlace() {
    assertThat(Cgroups.find(host.resolve("nowhere"), path -> true).make("belljar-1", SHAPE))
        .isEqualTo(Optional.empty());
    assertThat(Cgroups.find(host.resolve("nowhere"), path -> true).reasons().keySet())
        .isEqualTo(Set.of("memory", "cpu", "pids"));
  }

  private void version2(String own) throws IOException {
    Files.writeString(host.resolve("cgroup"), "0::" + own + "\n");
    Files.createDirectories(host.resolve("sys" + own));
    Files.writeString(
        host.resolve("mountinfo"),
        "25 30 0:23 / %s rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
            .formatted(host.resolve("sys")));
  }

  private void version1(String own, String root) throws IOException {
    Files.writeString(
        host.resolve("cgroup"), "4:memory:%1$s\n3:cpu,pids:%1$s\n0::/\n".formatted(own));
    Files.writeString(
        host.resolve("mountinfo"),
        """
        31 30 0:26 %1$s %2$s/memory rw - cgroup cgroup rw,memory
        32 30 0:27 %1$s %2$s/both rw - cgroup cgroup rw,cpu,pids
        """
            .formatted(root, host.resolve("sys")));
  }

  private Path handDown(String group, String controllers) throws IOException {
    Path directory = Files.createDirectories(host.resolve("sys").resolve(group));
    Files.writeString(directory.resolve("cgroup.subtree_control"), controllers + "\n");
    return directory;
  }
}
