package dev.belljar.engine.volumes;

import dev.belljar.Page;
import dev.belljar.PageRequest;
import dev.belljar.engine.volumes.Catalog.Listed;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Lists, the oldest first, a part at a time. */
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
    Optional<PageCursor> last = request.cursor().map(PageCursor::parse);
    Stream<D> behind =
        all.stream()
            .filter(one -> one.isThere() && one.owner().equals(owner))
            .filter(one -> request.search().map(one.slug()::contains).orElse(true))
            .filter(one -> last.map(PageCursor.of(one)::isBehind).orElse(true));
    List<D> matching =
        behind.sorted(Comparator.comparing(PageCursor::of)).limit(request.limit() + 1L).toList();
    List<D> shown = matching.subList(0, Math.min(request.limit(), matching.size()));
    List<T> items = new ArrayList<>();
    for (D listed : shown) {
      items.add(description.of(listed));
    }
    return new Page<>(
        items,
        shown.size() < matching.size()
            ? Optional.of(PageCursor.of(shown.getLast()).text())
            : Optional.empty());
  }
}
