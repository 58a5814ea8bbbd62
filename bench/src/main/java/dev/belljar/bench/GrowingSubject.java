package dev.belljar.bench;

/** Something of which there can be more and more. */
interface GrowingSubject {

  /** What {@code --only} calls it, and its plot. */
  String name();

  /**
   * Measures it at each step, and leaves nothing behind.
   *
   * @throws SkippedException where this host lacks what it takes
   */
  Growth measure(Workbench bench, Steps steps) throws Exception;
}
