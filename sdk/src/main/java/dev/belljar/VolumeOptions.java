package dev.belljar;

import java.util.Optional;

/**
 * How a volume is made.
 *
 * @param slug its name: 1 to 63 lower-case letters, digits and hyphens, no hyphen at either end
 * @param capacity how much its file system may take; 300 MB to 20 GiB
 * @param region where it is to be; a server has one, this host is {@code loc}, and any is accepted
 * @param from what it begins with: {@code builtin:debian-13} or a snapshot, by its id or slug;
 *     without it, nothing
 */
public record VolumeOptions(
    String slug, ByteSize capacity, Optional<String> region, Optional<String> from) {

  /** The image that sandboxes have as their root where no other is asked for. */
  public static final String BUILTIN = "builtin:debian-13";

  private static final String SLUG = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";

  /** Checks what can be checked without a host. */
  public VolumeOptions {
    checkSlug(slug);
  }

  /** An empty volume. */
  public static VolumeOptions of(String slug, ByteSize capacity) {
    return new VolumeOptions(slug, capacity, Optional.empty(), Optional.empty());
  }

  /** The same, beginning with what the image or a snapshot holds; bootable if that is. */
  public VolumeOptions from(String origin) {
    return new VolumeOptions(slug, capacity, region, Optional.of(origin));
  }

  /** The same in that region; a server that has several must be told. */
  public VolumeOptions region(String name) {
    return new VolumeOptions(slug, capacity, Optional.of(name), from);
  }

  /** Whether a text can name a volume or snapshot. */
  public static void checkSlug(String slug) {
    if (!slug.matches(SLUG)) {
      throw new InvalidOptionException(
          "'"
              + (slug.length() <= 64 ? slug : slug.substring(0, 64) + "…")
              + "' cannot be a name: 1 to 63 lower-case letters, digits and hyphens, no hyphen at"
              + " either end.");
    }
  }
}
