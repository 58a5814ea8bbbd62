package dev.belljar.bench;

import dev.belljar.engine.Host;

/** The program that {@link ImageBuild} times: makes this host ready, installing nothing. */
final class HostSetUp {
  private HostSetUp() {}

  static void main(String[] args) {
    System.setProperty("slf4j.internal.verbosity", "ERROR");
    Host.setUp(step -> System.err.println("  " + step), false);
    // The engine's timer and hooks are daemons; nothing keeps the program from ending.
  }
}
