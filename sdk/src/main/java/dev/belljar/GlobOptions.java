package dev.belljar;

import java.util.List;
import java.util.Optional;

/**
 * How a glob is read and what it finds.
 *
 * @param root the directory that relative globs begin at; the paths found begin with it. Empty is
 *     the sandbox's working directory, and relative globs give relative paths
 * @param exclude globs of what is not given, and not walked
 * @param includeDirs whether directories are given; default true
 * @param followSymlinks whether links are taken for what they point to; default false
 * @param canonicalize whether what a followed link points to is given by its real path; default
 *     true
 * @param extended whether {@code ?(a|b)}, {@code *(a|b)}, {@code +(a|b)}, {@code @(a|b)} and {@code
 *     !(a|b)} are groups; default true
 * @param globstar whether {@code **} is any number of directories; default true
 * @param caseInsensitive whether capitals and small letters are the same; default false
 */
public record GlobOptions(
    Optional<String> root,
    List<String> exclude,
    boolean includeDirs,
    boolean followSymlinks,
    boolean canonicalize,
    boolean extended,
    boolean globstar,
    boolean caseInsensitive) {

  /** The defaults. */
  public static final GlobOptions DEFAULT =
      new GlobOptions(Optional.empty(), List.of(), true, false, true, true, true, false);

  /** Copies the list. */
  public GlobOptions {
    exclude = List.copyOf(exclude);
  }
}
