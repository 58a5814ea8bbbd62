package dev.belljar.engine.vmm;

import java.io.IOException;

/**
 * A machine could not be started or ended unexpectedly; the message holds what QEMU or the jail
 * said.
 */
public class MachineException extends IOException {
  private static final long serialVersionUID = 1L;

  /** Says what happened. */
  public MachineException(String message) {
    super(message);
  }

  /** Says what happened, and keeps the cause. */
  public MachineException(String message, Throwable cause) {
    super(message, cause);
  }
}
