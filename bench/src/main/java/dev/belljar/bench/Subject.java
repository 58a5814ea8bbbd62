package dev.belljar.bench;

import java.util.List;

/** Something to be measured. */
interface Subject {

  /** What {@code --only} calls it. */
  String name();

  /**
   * Measures it, and leaves nothing behind.
   *
   * @throws SkippedException where this host lacks what it takes
   */
  List<Measurement> measure(Workbench bench) throws Exception;
}
