package dev.belljar.engine.volumes;

import dev.belljar.InvalidOptionException;
import dev.belljar.VolumeOptions;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * What an exported volume is, in the first file of the archive.
 *
 * @param format always {@link #FORMAT}
 * @param version always {@link #VERSION}
 * @param slug the name that it had
 * @param capacity bytes
 * @param disk what it holds
 * @param image what it lies above; empty where it is not bootable
 */
record ArchiveManifest(
    String format,
    int version,
    String slug,
    long capacity,
    DiskPart disk,
    Optional<ImagePart> image) {
  static final String FORMAT = "belljar-volume";
  static final int VERSION = 1;
  static final String NAME = "manifest.json";

  /** Far more than it takes. */
  static final int LARGEST = 1 << 16;

  /** What a disk is cut into; chunks of nothing but zeros are left out. */
  static final int CHUNK = 1 << 20;

  static final long LARGEST_IMAGE = 4L << 30;

  private static final Pattern SUM = Pattern.compile("[0-9a-f]{64}");
  private static final Pattern HASH = Pattern.compile("[0-9a-z][0-9a-z-]{0,127}");

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  /**
   * The disk's content.
   *
   * @param chunks how many there are
   * @param sha256 of the chunks in order, each behind its number as 8 bytes, big endian
   */
  record DiskPart(int chunks, String sha256) {}

  /**
   * The image.
   *
   * @param hash its name on the host that it comes from
   * @param bytes its size
   * @param sha256 of its content
   * @param included whether the archive has it
   */
  record ImagePart(String hash, long bytes, String sha256, boolean included) {}

  static String chunkName(int number) {
    return "disk/%05d".formatted(number);
  }

  byte[] toJson() {
    return JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(this);
  }

  /** Reads what anybody may have written. */
  static ArchiveManifest read(byte[] json) {
    ArchiveManifest manifest;
    try {
      manifest = JSON.readValue(json, ArchiveManifest.class);
    } catch (JacksonException e) {
      throw Ustar.refused("its manifest cannot be read");
    }
    if (manifest == null || !FORMAT.equals(manifest.format)) {
      throw Ustar.refused("its manifest is none of a volume");
    }
    if (manifest.version != VERSION) {
      throw Ustar.refused(
          "it is of version %d, and this Belljar knows %d".formatted(manifest.version, VERSION));
    }
    @Nullable String slug = manifest.slug;
    @Nullable DiskPart disk = manifest.disk;
    if (slug == null || disk == null || !isSum(disk.sha256) || disk.chunks < 0) {
      throw Ustar.refused("its manifest lacks something");
    }
    try {
      VolumeOptions.checkSlug(slug);
    } catch (InvalidOptionException e) {
      throw Ustar.refused("its name cannot be a volume's");
    }
    manifest.image.ifPresent(
        image -> {
          if (!isSum(image.sha256)
              || image.hash == null
              || !HASH.matcher(image.hash).matches()
              || image.bytes < 1
              || image.bytes > LARGEST_IMAGE) {
            throw Ustar.refused("its manifest names an image that cannot be");
          }
        });
    return manifest;
  }

  private static boolean isSum(@Nullable String sum) {
    return sum != null && SUM.matcher(sum).matches();
  }
}
