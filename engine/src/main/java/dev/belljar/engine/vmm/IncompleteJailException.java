package dev.belljar.engine.vmm;

import java.io.IOException;
import java.util.List;

/** A machine's jail lacks something; the machine was ended before anything ran in it for a user. */
public final class IncompleteJailException extends IOException {
  private static final long serialVersionUID = 1L;

  /** Names what is missing. */
  IncompleteJailException(List<String> missing) {
    super(
        "its jail lacks: "
            + String.join("; ", missing)
            + ". Sandboxes are refused here unless you accept that: --insecure-jail, or "
            + Jail.INSECURE_VARIABLE
            + "=1.");
  }
}
