package dev.belljar.engine.volumes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import dev.belljar.engine.volumes.Leases.Lease;
import dev.belljar.engine.volumes.MergePlan.Merge;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class MergePlanTest {
  private final Map<String, Long> mebibytes = new HashMap<>();
  private final List<Lease> leases = new ArrayList<>();
  private final Map<String, Long> turns = new HashMap<>();

  /** A chain of layers l0 (the lowest) to the volume's head. */
  private static Catalog chain(int length, String... snapshotTops) {
    Catalog catalog = Catalog.EMPTY;
    for (int i = 0; i < length; i++) {
      Optional<String> parent = i == 0 ? Optional.empty() : Optional.of("l" + (i - 1));
      catalog = catalog.with(new Layer("l" + i, "l" + i, parent));
    }
    catalog = catalog.withVolume(disk("volume", "l" + (length - 1)));
    for (String top : snapshotTops) {
      catalog = catalog.withSnapshot(disk("snapshot-" + top, top));
    }
    return catalog;
  }

  private static Disk disk(String id, String top) {
    return disk("me", id, top);
  }

  private static Disk disk(String owner, String id, String top) {
    return new Disk(
        id,
        owner,
        id,
        "loc",
        300_000_000,
        Instant.EPOCH,
        top,
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        Optional.empty());
  }

  private Optional<Merge> next(Catalog catalog, String... spared) {
    return new MergePlan(
            catalog, leases, layer -> mebibytes.getOrDefault(layer.id(), 1L) * (1L << 20))
        .next(disk -> true, Set.of(spared), owner -> turns.getOrDefault(owner, 0L));
  }

  private static List<String> copied(Optional<Merge> merge) {
    return merge.orElseThrow().toCopy().stream().map(Layer::id).toList();
  }

  @Test
  void aHeadAndWhatSnapshotsAreOfStays() {
    assertThat(next(chain(1))).isEmpty();
    assertThat(next(chain(3, "l0", "l1"))).isEmpty();
    assertThat(copied(next(chain(4, "l0")))).containsExactly("l2", "l1");
    assertThat(next(chain(4, "l0")).orElseThrow().parent()).contains("l0");
    assertThat(copied(next(chain(4, "l2")))).containsExactly("l2", "l1", "l0");
    assertThat(next(chain(4, "l2")).orElseThrow().parent()).isEmpty();
  }

  @Test
  void aLayerThatTwoStandOnStays() {
    Catalog catalog =
        chain(4)
            .with(new Layer("branch", "branch", Optional.of("l1")))
            .withVolume(disk("other", "branch"));
    assertThat(copied(next(catalog))).containsExactly("l1", "l0");
    assertThat(next(catalog, "l1")).isEmpty();
  }

  @Test
  void aDeletedSnapshotKeepsNothingApart() {
    Catalog catalog = chain(3, "l0");
    assertThat(next(catalog)).isEmpty();
    Disk deleted = disk("snapshot-l0", "l0").deletedAt(Optional.of(Instant.EPOCH));
    assertThat(copied(next(catalog.withSnapshot(deleted)))).containsExactly("l1", "l0");
  }

  @Test
  void aLargeLayerIsNotCopiedForASmallOne() {
    mebibytes.put("l0", 500L);
    assertThat(next(chain(3))).isEmpty();
    assertThat(copied(next(chain(5)))).containsExactly("l3", "l2", "l1");
    mebibytes.put("l1", 600L);
    assertThat(copied(next(chain(3)))).containsExactly("l1", "l0");
  }

  @Test
  void whatAMachineMayWriteToStays() {
    leases.add(new Lease("volume", "sbx", List.of("l3", "l2", "l1", "l0")));
    assertThat(copied(next(chain(6)))).containsExactly("l2", "l1", "l0");
    leases.add(new Lease("volume", "sbx", List.of("unknown")));
    assertThat(next(chain(6))).isEmpty();
  }

  @Test
  void aLongChainIsCutBelowTheUppermost() {
    String[] all = new String[16];
    for (int i = 0; i < all.length; i++) {
      all[i] = "l" + i;
    }
    assertThat(next(chain(16, all))).isEmpty();
    Merge cut = next(chain(17, all)).orElseThrow();
    assertThat(cut.replaced().id()).isEqualTo("l8");
    assertThat(cut.toCopy()).hasSize(9).isEqualTo(cut.chain());
    assertThat(cut.parent()).isEmpty();
    // Once cut there is nothing left to do, also where a machine has more than that above it.
    Catalog after = chain(17, all).withInPlaceOf("l8", new Layer("new", "new", cut.parent()));
    assertThat(after.chain("l16")).hasSize(9);
    assertThat(next(after)).isEmpty();
    leases.add(new Lease("volume", "sbx", List.of("l0")));
    assertThat(next(chain(17, all))).isEmpty();
  }

  @Test
  void ownersTakeTurns() {
    Catalog catalog = chain(4);
    for (int i = 0; i < 4; i++) {
      Optional<String> parent = i == 0 ? Optional.empty() : Optional.of("o" + (i - 1));
      catalog = catalog.with(new Layer("o" + i, "o" + i, parent));
    }
    catalog = catalog.withVolume(disk("another", "other", "o3"));
    assertThat(next(catalog).orElseThrow().owner()).isEqualTo("me");
    turns.put("me", 1L);
    assertThat(next(catalog).orElseThrow().owner()).isEqualTo("another");
    turns.put("another", 2L);
    assertThat(next(catalog).orElseThrow().owner()).isEqualTo("me");
  }

  @Test
  void aChainThatLacksALayerIsLeftAlone() {
    Catalog whole = chain(5);
    assertThat(
            next(
                whole.withLayers(
                    whole.layers().stream().filter(layer -> !layer.id().equals("l0")).toList())))
        .isEmpty();
  }
}
