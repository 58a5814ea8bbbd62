package dev.belljar;

import java.util.OptionalInt;

/**
 * How a file is opened. Made by {@link #READ} and friends and the {@code with} methods.
 *
 * @param read whether it can be read
 * @param write whether it can be written
 * @param append whether writes go to the end
 * @param truncate whether it is emptied
 * @param create whether it is made where it is not there; needs write or append
 * @param createNew whether it must not be there yet; needs write or append
 * @param mode permission bits of a file that is made, 0 to {@code 07777}, before the umask; default
 *     {@code 0666}
 */
public record OpenOptions(
    boolean read,
    boolean write,
    boolean append,
    boolean truncate,
    boolean create,
    boolean createNew,
    OptionalInt mode) {

  /** For reading. */
  public static final OpenOptions READ =
      new OpenOptions(true, false, false, false, false, false, OptionalInt.empty());

  /** For reading and writing what is there. */
  public static final OpenOptions READ_WRITE =
      new OpenOptions(true, true, false, false, false, false, OptionalInt.empty());

  /** For reading and writing, made anew and empty. */
  public static final OpenOptions CREATE =
      new OpenOptions(true, true, false, true, true, false, OptionalInt.empty());

  /** Checks the combination, as Deno does, and the permission bits. */
  public OpenOptions {
    mode.ifPresent(PermissionBits::check);
    if (!read && !write && !append) {
      throw new InvalidOptionException(
          "A file is opened to read, write or append; none was asked for.");
    }
    if ((create || createNew || truncate) && !write && !append) {
      throw new InvalidOptionException("Making or emptying a file needs it open for writing.");
    }
  }
}
