package dev.belljar;

/**
 * What a walk finds.
 *
 * @param maxDepth how many directories deep, 0 is the root alone; default no bound
 * @param includeFiles whether files are given; default true
 * @param includeDirs whether directories are given; default true
 * @param includeSymlinks whether symbolic links are given; default true
 */
public record WalkOptions(
    int maxDepth, boolean includeFiles, boolean includeDirs, boolean includeSymlinks) {

  /** Everything. */
  public static final WalkOptions ALL = new WalkOptions(Integer.MAX_VALUE, true, true, true);

  /** The same, so deep at most. */
  public WalkOptions withMaxDepth(int depth) {
    return new WalkOptions(depth, includeFiles, includeDirs, includeSymlinks);
  }
}
