package dev.belljar;

import java.util.Optional;

/**
 * Which part of a list is wanted.
 *
 * @param cursor where it begins, from {@link Page#next}; empty for the beginning
 * @param limit how many items at most; 1 to 100
 * @param search what slugs have in them; empty for all
 */
public record PageRequest(Optional<String> cursor, int limit, Optional<String> search) {

  /** The most items of a page. */
  public static final int LARGEST = 100;

  /** The first hundred of all. */
  public static final PageRequest FIRST =
      new PageRequest(Optional.empty(), LARGEST, Optional.empty());

  /** Checks the bounds. */
  public PageRequest {
    if (limit < 1 || limit > LARGEST) {
      throw new InvalidOptionException(
          "A page of " + limit + " items is out of bounds: 1 to " + LARGEST + ".");
    }
  }
}
