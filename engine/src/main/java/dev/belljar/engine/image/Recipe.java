package dev.belljar.engine.image;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A folder of the guest module, as it is on the class path: scripts and sources that an image is
 * built from.
 */
final class Recipe {
  private final SortedMap<String, byte[]> files;

  private Recipe(SortedMap<String, byte[]> files) {
    this.files = files;
  }

  /** Reads a folder, {@code image} or {@code agent}, found by a script that is in it. */
  static Recipe load(String folder, String script) throws IOException {
    String marker = "/dev/belljar/guest/" + folder + "/" + script;
    URL url = Recipe.class.getResource(marker);
    if (url == null) {
      throw new IOException("The class path lacks belljar-guest: there is no " + marker);
    }
    try {
      URI uri = url.toURI();
      if (uri.getScheme().equals("jar")) {
        try (FileSystem jar = FileSystems.newFileSystem(uri, Map.of())) {
          return read(jar.getPath(marker));
        }
      }
      return read(Path.of(uri));
    } catch (URISyntaxException e) {
      throw new IOException("The class path has a place that cannot be read: " + url, e);
    }
  }

  /** A hash of names and contents, documentation left out. */
  String hash(String... excluded) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      files.forEach(
          (name, content) -> {
            if (!name.endsWith(".md") && !Stream.of(excluded).anyMatch(name::equals)) {
              digest.update((name + "\0" + content.length + "\0").getBytes(StandardCharsets.UTF_8));
              digest.update(content);
            }
          });
      return HexFormat.of().formatHex(digest.digest(), 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }

  /** One of its files. */
  String text(String name) {
    byte[] content = files.get(name);
    if (content == null) {
      throw new IllegalArgumentException("The recipe has no file " + name);
    }
    return new String(content, StandardCharsets.UTF_8);
  }

  /** Writes the files into a new directory. */
  void extract(Path directory) throws IOException {
    for (Map.Entry<String, byte[]> file : files.entrySet()) {
      Path target = directory.resolve(file.getKey());
      Path parent = target.getParent();
      if (parent != null) {
        Files.createDirectories(parent);
      }
      Files.write(target, file.getValue());
    }
  }

  private static Recipe read(Path marker) throws IOException {
    Path folder = marker.getParent();
    if (folder == null) {
      throw new IOException("The recipe has no folder: " + marker);
    }
    SortedMap<String, byte[]> files = new TreeMap<>();
    try (Stream<Path> all = Files.walk(folder)) {
      all.filter(Files::isRegularFile)
          .forEach(
              file -> {
                try {
                  files.put(folder.relativize(file).toString(), Files.readAllBytes(file));
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
              });
    } catch (UncheckedIOException e) {
      throw new IOException("Cannot read the recipe: " + e.getMessage(), e);
    }
    return new Recipe(files);
  }
}
