package dev.belljar.cli;

import dev.belljar.engine.Host;
import picocli.CommandLine.Option;

/** What commands that run machines on this host have in common. */
final class JailOption {
  @Option(
      names = "--insecure-jail",
      description =
          "Run machines also where this host cannot give them all of their jail; what is missing is"
              + " announced. BELLJAR_INSECURE_JAIL=1 does the same.")
  private boolean insecure;

  /** Whether it was given. */
  boolean insecure() {
    return insecure;
  }

  /** Lets the engine of this process know. */
  void apply() {
    if (insecure) {
      Host.acceptInsecureJails();
    }
  }
}
