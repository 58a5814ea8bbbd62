package dev.belljar.bench;

/** Something that is done over and over, and records what it took each time. */
@FunctionalInterface
interface Task {
  void run(Recording into) throws Exception;
}
