package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MachineDirectoryTest {
  @TempDir private Path directory;
  private Path file = Path.of("");
  private Path machine = Path.of("");
  private Path victim = Path.of("");

  @BeforeEach
  void prepare() throws IOException {
    Path ours = Files.createDirectory(directory.resolve("ours"));
    file = Files.writeString(ours.resolve("made"), "empty disk");
    machine = Files.createDirectory(directory.resolve("machine"));
    victim = Files.writeString(directory.resolve("victim"), "the host's");
  }

  @Test
  void aFileIsMovedIntoItAndIntoOneInIt() throws IOException {
    MachineDirectory.move(file, machine, machine.resolve("next"));
    assertThat(machine.resolve("next")).hasContent("empty disk");
    Path below = Files.createDirectory(machine.resolve("slot1"));
    MachineDirectory.move(Files.writeString(file, "another"), machine, below.resolve("next"));
    assertThat(below.resolve("next")).hasContent("another");
    assertThat(file).doesNotExist();
  }

  @Test
  void aLinkInItsPlaceIsReplacedAndNotFollowed() throws IOException {
    Path target = Files.createSymbolicLink(machine.resolve("next"), victim);
    MachineDirectory.move(file, machine, target);
    assertThat(victim).hasContent("the host's");
    assertThat(Files.isRegularFile(target, LinkOption.NOFOLLOW_LINKS)).isTrue();
  }

  @Test
  void aDirectoryThatIsALinkIsNotEntered() throws IOException {
    Path elsewhere = Files.createDirectory(directory.resolve("elsewhere"));
    Files.createSymbolicLink(machine.resolve("slot1"), elsewhere);
    assertThatThrownBy(
            () -> MachineDirectory.move(file, machine, machine.resolve("slot1").resolve("next")))
        .isInstanceOf(IOException.class);
    assertThat(elsewhere).isEmptyDirectory();
    assertThat(file).exists();
  }

  @Test
  void whatIsNotInItIsRefused() {
    assertThatThrownBy(() -> MachineDirectory.move(file, machine, victim))
        .isInstanceOf(IOException.class);
    assertThat(victim).hasContent("the host's");
  }
}
