package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.engine.vmm.MachineDisk;
import dev.belljar.engine.vmm.MachineDisk.Layer;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class SandboxDisksTest {
  private static MachineDisk disk(int slot, int layers) {
    Layer layer = new Layer(Path.of("/layers/x"), "x.qcow2", false);
    return new MachineDisk(slot, Collections.nCopies(layers, layer), 1 << 20);
  }

  @Test
  void moreLayersThanTheJailHasPlacesForAreRefused() {
    SandboxDisks.checkLayers(List.of(), "Mount fewer");
    SandboxDisks.checkLayers(List.of(disk(1, 128), disk(2, 128)), "Mount fewer");
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(
            () -> SandboxDisks.checkLayers(List.of(disk(1, 128), disk(2, 129)), "Mount fewer"))
        .withMessageContainingAll("256", "257", "Mount fewer.")
        .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.FULL));
  }
}
