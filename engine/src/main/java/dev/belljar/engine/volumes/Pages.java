package dev.belljar.engine.volumes;

import dev.belljar.InvalidOptionException;
import dev.belljar.Page;
import dev.belljar.PageRequest;
import dev.belljar.engine.volumes.Catalog.Listed;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Lists, a part at a time. */
final class Pages {
  private Pages() {}

  /** Makes what users see of something that the catalog has. */
  interface Description<D, T> {
    T of(D listed) throws IOException;
  }

  /** A part of the list of what an owner has. */
  static <D extends Listed, T> Page<T> of(
      List<D> all, String owner, PageRequest request, Description<D, T> description)
      throws IOException {
    List<D> matching =
        all.stream()
            .filter(one -> one.isThere() && one.owner().equals(owner))
            .filter(one -> request.search().map(one.slug()::contains).orElse(true))
            .toList();
    int from = 0;
    if (request.cursor().isPresent()) {
      // One that was deleted since then leaves the place where it was.
      String last = request.cursor().get();
      Optional<D> known = all.stream().filter(one -> one.id().equals(last)).findFirst();
      if (known.filter(one -> one.owner().equals(owner)).isEmpty()) {
        throw new InvalidOptionException("There is nothing to go on with behind '" + last + "'.");
      }
      int place = all.indexOf(known.get());
      while (from < matching.size() && all.indexOf(matching.get(from)) <= place) {
        from++;
      }
    }
    int to = Math.min(from + request.limit(), matching.size());
    List<T> items = new ArrayList<>();
    for (D listed : matching.subList(from, to)) {
      items.add(description.of(listed));
    }
    return new Page<>(
        items, to < matching.size() ? Optional.of(matching.get(to - 1).id()) : Optional.empty());
  }
}
