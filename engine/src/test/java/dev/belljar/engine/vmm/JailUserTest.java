package dev.belljar.engine.vmm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whom machines run as. */
class JailUserTest {
  @TempDir private Path directory;

  @Test
  void everyMachineThatRootStartsHasAUserOfItsOwn() {
    Set<Integer> ids = new HashSet<>();
    boolean nobody = JailUser.next(0).kind() == JailUser.Kind.NOBODY;
    for (int i = 0; i < 100; i++) {
      ids.add(JailUser.next(0).id());
    }
    assertThat(ids).hasSize(nobody ? 1 : 100).allMatch(id -> id >= JailUser.NOBODY_ID);
  }

  @Test
  void anOrdinaryUsersMachinesRunAsThatUser() {
    assertThat(JailUser.next(1000)).isEqualTo(new JailUser(1000, JailUser.Kind.OURS));
  }

  @ParameterizedTest
  @CsvSource({
    "'         0          0 4294967295', true",
    "'         0     100000      65536', false",
    "'', false",
    "'what', false"
  })
  void theRangeIsUsedWhereTheNamespaceHasIt(String map, boolean mapped) throws IOException {
    Path file = Files.writeString(directory.resolve("uid_map"), map + "\n");
    assertThat(JailUser.mapped(file)).isEqualTo(mapped);
  }
}
