package dev.belljar;

/** Permission bits of files, with set-user-id, set-group-id and sticky. */
final class PermissionBits {
  private PermissionBits() {}

  static void check(int mode) {
    if (mode < 0 || mode > 07777) {
      throw new InvalidOptionException(
          "Permission bits are 0 to 07777 (octal), not " + Integer.toOctalString(mode) + ".");
    }
  }
}
