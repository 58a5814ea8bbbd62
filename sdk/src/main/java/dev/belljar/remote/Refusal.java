package dev.belljar.remote;

import dev.belljar.BelljarException;
import dev.belljar.InvalidOptionException;
import dev.belljar.InvalidTokenException;
import dev.belljar.SandboxClosedException;
import dev.belljar.SandboxPausedException;
import dev.belljar.SandboxUnavailableException;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import java.util.Optional;

/**
 * An answer of a server that says no.
 *
 * @param status of HTTP
 * @param code for programs; empty where there is none
 * @param said a sentence for people: who says what
 * @param belljar whether the server is Belljar's
 */
record Refusal(int status, String code, String said, boolean belljar) {

  /** What it is where a sandbox was asked for. */
  BelljarException ofSandbox() {
    return common()
        .orElseGet(
            () ->
                switch (status) {
                  case 400, 413, 422, 431, 501 -> new InvalidOptionException(said);
                  case 404, 410 -> new SandboxClosedException(said);
                  default -> new SandboxUnavailableException(said);
                });
  }

  /**
   * What it is where a volume or snapshot was asked for.
   *
   * @param conflict what status 409 means to this call where the code is not one of Belljar's
   */
  BelljarException ofStorage(Reason conflict) {
    return common()
        .orElseGet(
            () ->
                switch (status) {
                  case 400, 405, 413, 422, 431, 501 -> new InvalidOptionException(said);
                  case 404, 410 -> new StorageException(Reason.NOT_FOUND, said);
                  case 409 -> new StorageException(conflict, said);
                  case 507 -> new StorageException(Reason.FULL, said);
                  default -> new SandboxUnavailableException(said);
                });
  }

  /** What it is whatever was asked for. */
  private Optional<BelljarException> common() {
    if (status == 401 || code.equals("INVALID_TOKEN")) {
      return Optional.of(
          new InvalidTokenException(
              said + " Make a new token and set BELLJAR_TOKEN or DENO_DEPLOY_TOKEN."));
    }
    if (code.equals("SANDBOX_PAUSED")) {
      return Optional.of(new SandboxPausedException(said));
    }
    return reason().map(reason -> new StorageException(reason, said));
  }

  /** Of Belljar's codes: see docs/protocol.md. */
  private Optional<Reason> reason() {
    return switch (code) {
      case "STORAGE_NOT_FOUND" -> Optional.of(Reason.NOT_FOUND);
      case "SLUG_TAKEN" -> Optional.of(Reason.SLUG_TAKEN);
      case "VOLUME_BUSY" -> Optional.of(Reason.BUSY);
      case "NOT_BOOTABLE" -> Optional.of(Reason.NOT_BOOTABLE);
      case "CHECKPOINT_INCOMPATIBLE" -> Optional.of(Reason.INCOMPATIBLE);
      case "STORAGE_FULL" -> Optional.of(Reason.FULL);
      case "STORAGE_DAMAGED" -> Optional.of(Reason.DAMAGED);
      default -> Optional.empty();
    };
  }
}
