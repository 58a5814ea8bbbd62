package dev.belljar.engine.volumes;

import dev.belljar.engine.volumes.Catalog.Disk;
import dev.belljar.engine.volumes.Catalog.Layer;
import dev.belljar.engine.volumes.Catalog.SavedMachine;
import dev.belljar.engine.volumes.DataReport.Damage;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What a catalog may be wrong in by itself; no file is looked at. */
final class CatalogCheck {
  private static final Pattern LAYER = Pattern.compile("[0-9a-z]{20}");
  private static final Pattern CHECKPOINT = Pattern.compile("chk_[0-9a-z]{3}_[0-9a-z]{20}");
  private static final Pattern FILE = Pattern.compile("(disk|slot[0-9])-[0-9]{1,2}\\.qcow2");
  private static final Pattern IMAGE = Pattern.compile("[0-9A-Za-z][0-9A-Za-z-]{0,127}");
  private static final String FROM_BACKUP =
      "Put the whole directory back from a backup, while nothing uses it. Nothing was removed.";

  private final Catalog catalog;
  private final List<Damage> damage = new ArrayList<>();

  private CatalogCheck(Catalog catalog) {
    this.catalog = catalog;
  }

  /**
   * What is wrong in it.
   *
   * @param damage each thing; empty where nothing is
   * @param named whether all names are such that files can be looked for by them
   */
  record Found(List<Damage> damage, boolean named) {}

  static Found of(Catalog catalog) {
    CatalogCheck check = new CatalogCheck(catalog);
    check.checkComplete();
    if (check.damage.isEmpty()) {
      check.checkFileNames();
    }
    boolean named = check.damage.isEmpty();
    if (named) {
      check.checkLayers();
      check.checkNames();
      check.checkTops();
      check.checkHeads();
    }
    return new Found(List.copyOf(check.damage), named);
  }

  private void wrong(String what) {
    damage.add(new Damage("In catalog.json, " + what + ".", FROM_BACKUP));
  }

  private Stream<Disk> disks() {
    return Stream.concat(catalog.volumes().stream(), catalog.snapshots().stream());
  }

  /** What is left out in JSON is not there, whatever the type says. */
  private void checkComplete() {
    boolean layers =
        catalog.layers().stream()
            .allMatch(layer -> allThere(layer.id(), layer.directory(), layer.parent()));
    boolean disks =
        disks()
            .allMatch(
                disk ->
                    allThere(
                        disk.id(),
                        disk.owner(),
                        disk.slug(),
                        disk.region(),
                        disk.created(),
                        disk.top(),
                        disk.image(),
                        disk.origin(),
                        disk.originSlug(),
                        disk.deleted()));
    boolean checkpoints =
        catalog.checkpoints().stream()
            .allMatch(
                one ->
                    allThere(
                            one.id(),
                            one.owner(),
                            one.slug(),
                            one.region(),
                            one.created(),
                            one.sandbox(),
                            one.machine(),
                            one.disks(),
                            one.deleted())
                        && allThere(one.machine().engine(), one.disks().image())
                        && one.disks().others().stream()
                            .allMatch(disk -> allThere(disk.top(), disk.image())));
    if (!layers || !disks || !checkpoints) {
      wrong("something is missing of a layer, a volume, a snapshot or a checkpoint");
    }
  }

  private static boolean allThere(@Nullable Object... parts) {
    return Stream.of(parts).allMatch(Objects::nonNull);
  }

  private void checkFileNames() {
    for (Layer layer : catalog.layers()) {
      if (!LAYER.matcher(layer.id()).matches() || !LAYER.matcher(layer.directory()).matches()) {
        wrong("a layer has a name that no layer has: '" + shortened(layer.id()) + "'");
      }
    }
    for (SavedMachine one : catalog.checkpoints()) {
      if (!CHECKPOINT.matcher(one.id()).matches()
          || !one.disks().files().allMatch(name -> FILE.matcher(name).matches())) {
        wrong("a checkpoint has a name that none has: '" + shortened(one.id()) + "'");
      }
    }
    for (String hash : catalog.images()) {
      if (!IMAGE.matcher(hash).matches()) {
        wrong("an image has a name that no image has: '" + shortened(hash) + "'");
      }
    }
  }

  private void checkLayers() {
    Set<String> ids = new HashSet<>();
    for (Layer layer : catalog.layers()) {
      if (!ids.add(layer.id())) {
        wrong("layer " + layer.id() + " is there twice");
      }
    }
    for (Layer layer : catalog.layers()) {
      Optional<String> parent = layer.parent();
      if (parent.isPresent() && !ids.contains(parent.get())) {
        wrong("layer %s lies above %s, which is not there".formatted(layer.id(), parent.get()));
      } else if (isCircle(layer)) {
        wrong("layer " + layer.id() + " lies above itself");
      }
    }
  }

  private boolean isCircle(Layer layer) {
    Set<String> seen = new HashSet<>();
    Optional<Layer> next = Optional.of(layer);
    while (next.isPresent()) {
      if (!seen.add(next.get().id())) {
        // One that only leads to a circle is said by those in it.
        return next.get().id().equals(layer.id());
      }
      next = next.get().parent().flatMap(catalog::layer);
    }
    return false;
  }

  private void checkNames() {
    Set<String> ids = new HashSet<>();
    Set<String> slugs = new HashSet<>();
    disks()
        .forEach(
            disk -> {
              if (!ids.add(disk.id())) {
                wrong("the id " + disk.id() + " is there twice");
              }
              if (disk.isThere() && !slugs.add(disk.owner() + "/" + disk.slug())) {
                wrong("the name '" + disk.slug() + "' is there twice");
              }
              if (catalog.layer(disk.top()).isEmpty()) {
                wrong("'%s' has no layer: %s is not there".formatted(disk.slug(), disk.top()));
              }
            });
  }

  private void checkTops() {
    for (SavedMachine one : catalog.checkpoints()) {
      one.disks()
          .tops()
          .filter(top -> catalog.layer(top).isEmpty())
          .forEach(top -> wrong("'%s' has no layer: %s is not there".formatted(one.slug(), top)));
    }
  }

  /** What is written to belongs to one volume, and nothing lies above it. */
  private void checkHeads() {
    Set<String> frozen = new HashSet<>();
    catalog.layers().forEach(layer -> layer.parent().ifPresent(frozen::add));
    catalog.snapshots().forEach(disk -> frozen.add(disk.top()));
    catalog.checkpoints().forEach(one -> one.disks().tops().forEach(frozen::add));
    Map<String, String> heads = new HashMap<>();
    for (Disk volume : catalog.volumes()) {
      if (frozen.contains(volume.top())) {
        wrong("'" + volume.slug() + "' writes to a layer that something else lies above");
      }
      String other = heads.put(volume.top(), volume.slug());
      if (other != null) {
        wrong("'%s' and '%s' write to the same layer".formatted(other, volume.slug()));
      }
    }
  }

  private static String shortened(String text) {
    String shown = text.length() <= 64 ? text : text.substring(0, 64) + "…";
    return shown.replaceAll("\\p{Cntrl}", "?");
  }
}
