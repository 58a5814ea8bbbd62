package dev.belljar.cli;

import dev.belljar.InvalidOptionException;
import dev.belljar.SandboxOptions;

/**
 * {@code NAME:/path}.
 *
 * @param name the id or slug of a volume
 * @param path where it is mounted, absolute
 */
record VolumeOption(String name, String path) {

  static VolumeOption parse(String text) {
    int colon = text.indexOf(':');
    if (colon <= 0 || !text.startsWith("/", colon + 1)) {
      throw new InvalidOptionException(
          "--volume "
              + text
              + " mounts nothing. Write --volume NAME:/path, for example data:/data.");
    }
    if (text.endsWith(":ro") || text.endsWith(":rw")) {
      throw new InvalidOptionException(
          "--volume "
              + text
              + " names a path that ends in ':ro' or ':rw': leave that out. Volumes are always mounted"
              + " writable; what no sandbox can change is a snapshot, which is used with --root.");
    }
    return new VolumeOption(text.substring(0, colon), text.substring(colon + 1));
  }

  void addTo(SandboxOptions.Builder options) {
    options.volume(path, name);
  }
}
