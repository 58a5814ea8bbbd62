package dev.belljar;

/** Something that could not be done with a volume or snapshot. Nothing was changed. */
public class StorageException extends BelljarException {
  private static final long serialVersionUID = 1L;

  /** Why it could not be done. */
  public enum Reason {
    /** There is no such volume or snapshot. */
    NOT_FOUND,
    /** Another volume or snapshot has that name. */
    SLUG_TAKEN,
    /** A sandbox has it; the message says which. */
    BUSY,
    /** It holds no system to boot. */
    NOT_BOOTABLE,
    /** It was made by another QEMU or on another processor than there is here. */
    INCOMPATIBLE,
    /** There is no room, on the host or in what the owner may have. */
    FULL,
    /** What is on the host's disk cannot be used as it is. */
    DAMAGED
  }

  private final Reason reason;

  /** Says what happened and what to do next. */
  public StorageException(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  /** Says what happened and what to do next, and keeps what caused it. */
  public StorageException(Reason reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  /** Why it could not be done. */
  public Reason reason() {
    return reason;
  }
}
