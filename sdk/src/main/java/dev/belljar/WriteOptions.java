package dev.belljar;

import java.util.OptionalInt;

/**
 * How a file is written.
 *
 * @param append whether bytes go to the end of what is there; otherwise the file is emptied first
 * @param create whether a file that is not there is made; default true
 * @param createNew whether it must not be there yet
 * @param mode permission bits of a file that is made, 0 to {@code 07777}, before the umask; default
 *     {@code 0666}
 */
public record WriteOptions(boolean append, boolean create, boolean createNew, OptionalInt mode) {

  /** Checks the permission bits. */
  public WriteOptions {
    mode.ifPresent(PermissionBits::check);
  }

  /** Makes or replaces the file. */
  public static final WriteOptions DEFAULT =
      new WriteOptions(false, true, false, OptionalInt.empty());

  /** Adds to the file, making it where it is not there. */
  public static final WriteOptions APPEND =
      new WriteOptions(true, true, false, OptionalInt.empty());

  /** Makes the file, which must not be there yet. */
  public static final WriteOptions CREATE_NEW =
      new WriteOptions(false, true, true, OptionalInt.empty());

  /** The same with other permission bits. */
  public WriteOptions withMode(int permissions) {
    return new WriteOptions(append, create, createNew, OptionalInt.of(permissions));
  }
}
