package dev.belljar.engine;

import dev.belljar.engine.image.Image;
import dev.belljar.engine.image.ImageStore;
import dev.belljar.engine.storage.Directories;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What is in the guest's image, as its build noted it.
 *
 * @param image the image's hash
 * @param items by name
 */
public record GuestSoftware(String image, List<Item> items) {

  /** Keeps the list as it is. */
  public GuestSoftware {
    items = List.copyOf(items);
  }

  /** Where something comes from. */
  public enum Kind {
    /** A package of Debian's archive, whose index apt has verified by its signature. */
    DEBIAN,
    /** A package of the npm registry, pinned by its integrity. */
    NPM
  }

  /**
   * One package.
   *
   * @param name what it is called in the guest
   * @param packageName what it is called where it comes from
   * @param sha512 of what was fetched, where the recipe pins it; hexadecimal
   */
  public record Item(
      Kind kind, String name, String packageName, String version, Optional<String> sha512) {}

  /**
   * That of the image in use; empty where it is not built yet.
   *
   * @throws IOException where it cannot be read
   */
  public static Optional<GuestSoftware> read() throws IOException {
    ImageStore images = new ImageStore(Directories.ofUser());
    Optional<Image> image = images.find();
    if (image.isEmpty()) {
      return Optional.empty();
    }
    List<String> packages = Files.readAllLines(image.get().directory().resolve("packages.txt"));
    return Optional.of(of(image.get().hash(), packages, images.runtimes()));
  }

  /**
   * From what the image's build noted and what its recipe pins.
   *
   * @param packages {@code name=version} each
   * @param pinned by name: npm's name of the package, its version, and its integrity
   */
  static GuestSoftware of(String image, List<String> packages, List<Image.PinnedRuntime> pinned) {
    Map<String, Image.PinnedRuntime> runtimes = new HashMap<>();
    pinned.forEach(runtime -> runtimes.put(runtime.name() + "=" + runtime.version(), runtime));
    List<Item> items = new ArrayList<>();
    for (String line : packages) {
      int equals = line.indexOf('=');
      if (equals <= 0) {
        continue;
      }
      String name = line.substring(0, equals);
      String version = line.substring(equals + 1);
      Image.PinnedRuntime runtime = runtimes.get(line);
      items.add(
          runtime == null
              ? new Item(Kind.DEBIAN, name, name, version, Optional.empty())
              : new Item(
                  Kind.NPM, name, runtime.npmPackage(), version, Optional.of(runtime.sha512())));
    }
    return new GuestSoftware(image, items);
  }
}
