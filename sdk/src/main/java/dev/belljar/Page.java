package dev.belljar;

import java.util.List;
import java.util.Optional;

/**
 * A part of a list.
 *
 * @param items what is in it
 * @param next what to ask for to get the next part; empty at the end
 */
public record Page<T>(List<T> items, Optional<String> next) {

  /** Copies what changes. */
  public Page {
    items = List.copyOf(items);
  }
}
