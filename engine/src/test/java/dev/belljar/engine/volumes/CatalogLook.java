package dev.belljar.engine.volumes;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;

/** What the catalog of a storage directory says, for tests in other packages. */
public final class CatalogLook {
  private CatalogLook() {}

  /** The files of all layers. */
  public static Set<Path> layerFiles(Path storage) throws IOException {
    LayerFiles files = new LayerFiles(storage.resolve("layers"));
    Set<Path> all = new TreeSet<>();
    new CatalogFile(storage).read().layers().forEach(layer -> all.add(files.fileOf(layer)));
    return all;
  }

  /** How many layers a volume of this user's consists of. */
  public static int depth(Path storage, String slug) throws IOException {
    Catalog catalog = new CatalogFile(storage).read();
    return catalog.chain(catalog.volume("", slug).orElseThrow().top()).size();
  }
}
