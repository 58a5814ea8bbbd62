package dev.belljar;

import java.util.List;
import java.util.regex.Pattern;

/**
 * What a walk finds.
 *
 * @param maxDepth how many directories deep, 0 is the root alone; default no bound
 * @param includeFiles whether files are given; default true
 * @param includeDirs whether directories are given; default true
 * @param includeSymlinks whether symbolic links are given; default true
 * @param followSymlinks whether links are taken for what they point to, and linked directories
 *     walked; default false. Walks end at 40 links on the way, as the kernel's do
 * @param canonicalize whether what a followed link points to is given by its real path; default
 *     true
 * @param extensions if not empty, only paths with one of these endings are given, for example
 *     {@code .ts}
 * @param match if not empty, only paths in which one of these is found are given
 * @param skip paths in which one of these is found are not given, and such directories are not
 *     walked
 */
public record WalkOptions(
    int maxDepth,
    boolean includeFiles,
    boolean includeDirs,
    boolean includeSymlinks,
    boolean followSymlinks,
    boolean canonicalize,
    List<String> extensions,
    List<Pattern> match,
    List<Pattern> skip) {

  /** Everything. */
  public static final WalkOptions ALL = new WalkOptions(Integer.MAX_VALUE, true, true, true);

  /** Copies the lists. */
  public WalkOptions {
    extensions = List.copyOf(extensions);
    match = List.copyOf(match);
    skip = List.copyOf(skip);
  }

  /** All names, no link followed. */
  public WalkOptions(
      int maxDepth, boolean includeFiles, boolean includeDirs, boolean includeSymlinks) {
    this(
        maxDepth,
        includeFiles,
        includeDirs,
        includeSymlinks,
        false,
        true,
        List.of(),
        List.of(),
        List.of());
  }

  /** The same, so deep at most. */
  public WalkOptions withMaxDepth(int depth) {
    return new WalkOptions(
        depth,
        includeFiles,
        includeDirs,
        includeSymlinks,
        followSymlinks,
        canonicalize,
        extensions,
        match,
        skip);
  }
}
