package dev.belljar.cli;

import dev.belljar.Page;
import dev.belljar.PageRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** A list that is given page by page, put together. */
final class AllPages {
  /** A server that names ever another page is not asked for ever. */
  private static final int MOST_PAGES = 1000;

  private AllPages() {}

  static <T> List<T> of(Function<PageRequest, Page<T>> list, Optional<String> search) {
    List<T> found = new ArrayList<>();
    Optional<String> cursor = Optional.empty();
    int pages = 0;
    do {
      Page<T> page = list.apply(new PageRequest(cursor, PageRequest.LARGEST, search));
      found.addAll(page.items());
      cursor = page.next();
    } while (cursor.isPresent() && ++pages < MOST_PAGES);
    return List.copyOf(found);
  }
}
