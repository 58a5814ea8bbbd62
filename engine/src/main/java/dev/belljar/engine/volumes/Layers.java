package dev.belljar.engine.volumes;

import com.fasterxml.jackson.annotation.JsonCreator;
import dev.belljar.engine.volumes.Catalog.Layer;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** The layers of a catalog, found by their ids at once: a server's may be tens of thousands. */
final class Layers extends AbstractList<Layer> {
  private final List<Layer> all;
  private final Map<String, Layer> byId;

  private Layers(Collection<Layer> all) {
    this.all = List.copyOf(all);
    byId = HashMap.newHashMap(all.size());
    // A damaged catalog may have one twice.
    this.all.forEach(layer -> byId.putIfAbsent(layer.id(), layer));
  }

  @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
  static Layers of(Collection<Layer> layers) {
    return layers instanceof Layers same ? same : new Layers(layers);
  }

  @Override
  public Layer get(int index) {
    return all.get(index);
  }

  @Override
  public int size() {
    return all.size();
  }

  Optional<Layer> find(String id) {
    return Optional.ofNullable(byId.get(id));
  }

  /** From that layer down; ends where one is missing, and where a circle closes. */
  List<Layer> chain(String top) {
    List<Layer> chain = new ArrayList<>();
    Optional<Layer> next = find(top);
    while (next.isPresent() && chain.size() < all.size()) {
      chain.add(next.get());
      next = next.get().parent().flatMap(this::find);
    }
    return chain;
  }

  /** The ids of these and of all that is below them, each come by once. */
  Set<String> below(Stream<String> tops) {
    Set<String> found = new HashSet<>();
    tops.forEach(
        top -> {
          Optional<Layer> next = find(top);
          while (next.isPresent() && found.add(next.get().id())) {
            next = next.get().parent().flatMap(this::find);
          }
        });
    return found;
  }
}
