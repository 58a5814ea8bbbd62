package dev.belljar.engine.vmm;

/** QEMU answered that it did not do what it was told: everything is as before. */
public final class RefusedByMonitorException extends MachineException {
  private static final long serialVersionUID = 1L;

  RefusedByMonitorException(String message) {
    super(message);
  }
}
