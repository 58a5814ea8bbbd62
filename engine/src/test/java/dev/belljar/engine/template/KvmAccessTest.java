package dev.belljar.engine.template;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import org.junit.jupiter.api.Test;

class KvmAccessTest {
  private static final String GROUP =
      "sudo groupadd --force --system kvm && sudo chgrp kvm /dev/kvm && sudo chmod 660 /dev/kvm";

  @Test
  void aModuleThatIsNotLoadedIsLoaded() {
    assertThat(absent("vmx").fix()).isEqualTo("sudo modprobe kvm_intel");
    assertThat(absent("svm").fix()).isEqualTo("sudo modprobe kvm_amd");
  }

  @Test
  void aProcessorWithoutVirtualizationIsNotMendedByACommand() {
    assertThat(absent("sse").fix()).isEmpty();
    assertThat(absent("sse").reason()).contains("firmware").contains("nested");
  }

  @Test
  void aUserJoinsTheGroupThatMay() {
    KvmAccess access = present("kvm", true, "ann", false);
    assertThat(access.granted()).isFalse();
    assertThat(access.fix()).isEqualTo("sudo usermod -aG kvm ann   # and log in again");
    assertThat(present("virt", true, "ann", false).fix()).contains("-aG virt ann");
  }

  @Test
  void aDeviceOfRootsIsGivenToAGroup() {
    assertThat(present("root", false, "ann", false).fix())
        .isEqualTo(GROUP + " && sudo usermod -aG kvm ann   # and log in again");
  }

  @Test
  void rootNeedsTheGroupAsWell() {
    KvmAccess access = present("root", false, "root", true);
    assertThat(access.granted()).isFalse();
    assertThat(access.reason()).contains("without rights");
    assertThat(access.fix()).isEqualTo(GROUP);
    assertThat(present("kvm", true, "root", true).granted()).isTrue();
    assertThat(present("root", true, "root", true).fix()).isEqualTo(GROUP);
  }

  @Test
  void whoeverMayNeedsNothing() {
    KvmAccess access = present("kvm", true, "ann", true);
    assertThat(access.granted()).isTrue();
    assertThat(access.reason()).isEmpty();
    assertThat(access.fix()).isEmpty();
  }

  private static KvmAccess absent(String flag) {
    return new KvmAccess(false, "", false, false, Set.of("fpu", flag), "ann", false, false);
  }

  private static KvmAccess present(String group, boolean groupMay, String user, boolean userMay) {
    return new KvmAccess(
        true, group, groupMay, false, Set.of(), user, user.equals("root"), userMay);
  }
}
