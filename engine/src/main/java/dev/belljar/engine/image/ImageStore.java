package dev.belljar.engine.image;

import dev.belljar.ByteSize;
import dev.belljar.engine.storage.BuildLock;
import dev.belljar.engine.storage.Directories;
import dev.belljar.engine.storage.FileTree;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The images on this host. A directory that has an image's name is complete: it is made beside its
 * place and moved there. Two parts, so that a new agent does not cost a new Debian: the root, and
 * what boots it.
 */
public final class ImageStore {
  /** For another process that builds it, over a slow network. */
  private static final Duration LONGEST_WAIT = Duration.ofHours(1);

  private static final ByteSize SPACE = new ByteSize(3L << 30);
  private static final List<String> OF_ROOT = List.of("root.erofs", "vmlinuz", "packages.txt");

  private final Directories directories;
  private final Recipe imageRecipe;
  private final Recipe agentRecipe;
  private final String rootHash;
  private final String hash;

  /** Reads the recipe from the class path. */
  public ImageStore(Directories directories) throws IOException {
    this.directories = directories;
    imageRecipe = Recipe.load("image", "build-root.sh");
    agentRecipe = Recipe.load("agent", "build.sh");
    rootHash = imageRecipe.hash("build-boot.sh", "lifeline.sh", "clear.sh");
    hash = imageRecipe.hash("lifeline.sh", "clear.sh") + "-" + agentRecipe.hash();
  }

  /** The image of the recipe, if it was built; the last one, if that was done more than once. */
  public Optional<Image> find() {
    File[] built =
        directories.images().toFile().listFiles((all, name) -> name.startsWith(hash + "-"));
    return Stream.ofNullable(built)
        .flatMap(Arrays::stream)
        .filter(File::isDirectory)
        .max(Comparator.comparingLong(File::lastModified))
        .map(directory -> new Image(directory.getName(), directory.toPath()));
  }

  /** The runtimes that the recipe pins. */
  public List<Image.PinnedRuntime> runtimes() {
    return imageRecipe
        .text("versions")
        .lines()
        .filter(line -> !line.isBlank() && !line.startsWith("#"))
        .map(line -> line.strip().split("\\s+", -1))
        .map(words -> new Image.PinnedRuntime(words[0], words[1], words[2], hexadecimal(words[3])))
        .toList();
  }

  /** From npm's form of it. */
  private static String hexadecimal(String integrity) {
    return HexFormat.of()
        .formatHex(Base64.getDecoder().decode(integrity.substring("sha512-".length())));
  }

  /**
   * The image of the recipe, built if it is not there: minutes, a network, and the tools that
   * {@code doctor} names. Of several that build at once one does and the others wait.
   */
  public Image build(Consumer<String> progress) throws IOException {
    Optional<Image> found = find();
    if (found.isPresent()) {
      return found.get();
    }
    directories.make(directories.images());
    try (BuildLock lock =
        BuildLock.acquire(
            directories.images().resolve("build.lock"),
            LONGEST_WAIT,
            () -> progress.accept("Waiting for another build of the image"))) {
      found = find();
      if (found.isPresent()) {
        return found.get();
      }
      Path left = directories.images().resolve("building.lock");
      BuildStep.awaitLeftOvers(left, progress);
      Path scripts = directories.images().resolve("scripts");
      FileTree.delete(scripts);
      imageRecipe.extract(Files.createDirectories(scripts.resolve("image")));
      agentRecipe.extract(Files.createDirectories(scripts.resolve("agent")));
      BuildStep steps = new BuildStep(scripts.resolve("image/lifeline.sh"), left, progress);
      Path making = directories.images().resolve("making");
      clear(making, scripts, steps);
      try {
        return build(Files.createDirectory(making), scripts, steps, progress);
      } finally {
        clear(making, scripts, steps);
        FileTree.delete(scripts);
      }
    }
  }

  /** Also files of subordinate ids, and elsewhere, which {@link FileTree} would not remove. */
  private static void clear(Path making, Path scripts, BuildStep steps) throws IOException {
    if (Files.isSymbolicLink(making.resolve("work")) || Files.exists(making.resolve("work/tmp"))) {
      steps.run(scripts.resolve("image/clear.sh"), making);
    }
    FileTree.delete(making);
  }

  private Image build(Path making, Path scripts, BuildStep steps, Consumer<String> progress)
      throws IOException {
    Path root = directories.images().resolve("root-" + rootHash);
    if (!Files.isDirectory(root)) {
      checkSpace();
      Path made = Files.createDirectory(making.resolve("root"));
      steps.run(scripts.resolve("image/build-root.sh"), made);
      FileTree.makeReadable(made);
      FileTree.force(made);
      Files.move(made, root, StandardCopyOption.ATOMIC_MOVE);
    }
    Path made = Files.createDirectory(making.resolve("image"));
    progress.accept("Compiling the agent");
    steps.run(scripts.resolve("agent/build.sh"), made.resolve("agent"));
    steps.run(scripts.resolve("image/build-boot.sh"), root, made.resolve("agent"), made);
    for (String file : OF_ROOT) {
      Files.createLink(made.resolve(file), root.resolve(file));
    }
    FileTree.makeReadable(made);
    FileTree.force(made);
    // The archive of packages moves on: another build of the same recipe may be another image.
    String name = hash + "-" + digest(root);
    Path directory = directories.images().resolve(name);
    Files.move(made, directory, StandardCopyOption.ATOMIC_MOVE);
    return new Image(name, directory);
  }

  private static String digest(Path root) throws IOException {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (String file : OF_ROOT) {
        try (InputStream in =
            new DigestInputStream(Files.newInputStream(root.resolve(file)), digest)) {
          in.transferTo(OutputStream.nullOutputStream());
        }
      }
      return HexFormat.of().formatHex(digest.digest(), 0, 4);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }

  private void checkSpace() throws IOException {
    long usable = Files.getFileStore(directories.images()).getUsableSpace();
    if (usable < SPACE.bytes()) {
      throw new BuildFailedException(
          "Building the image needs "
              + SPACE
              + " in "
              + directories.cache()
              + ", and "
              + new ByteSize(usable)
              + " are free. Make room, or set BELLJAR_CACHE to a directory on another disk.");
    }
  }
}
