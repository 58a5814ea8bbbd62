package dev.belljar.server.sandboxes;

import dev.belljar.StorageException.Reason;

/** The codes that programs are told for what storage refuses, over HTTP and on sockets. */
public final class StorageCode {
  private StorageCode() {}

  /** That of a reason. */
  public static String of(Reason reason) {
    return switch (reason) {
      case NOT_FOUND -> "STORAGE_NOT_FOUND";
      case SLUG_TAKEN -> "SLUG_TAKEN";
      case BUSY -> "VOLUME_BUSY";
      case NOT_BOOTABLE -> "NOT_BOOTABLE";
      case INCOMPATIBLE -> "CHECKPOINT_INCOMPATIBLE";
      case FULL -> "STORAGE_FULL";
      case DAMAGED -> "STORAGE_DAMAGED";
    };
  }
}
