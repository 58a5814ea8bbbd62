package dev.belljar.cli;

import dev.belljar.engine.GuestSoftware;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * What Belljar is made of, as a CycloneDX 1.6 document (https://cyclonedx.org/docs/1.6/json/): the
 * libraries on its class path by their Maven coordinates, and the packages in the guest's image.
 */
final class SoftwareBill {
  /** Written by the build: what the dependency plugin's goal "list" says. */
  private static final String COORDINATES = "/META-INF/belljar/class-path.txt";

  private static final Pattern COORDINATE =
      Pattern.compile(
          "^\\s*([\\w.-]+):([\\w.-]+):jar:(?:([\\w.-]+):)?([\\w.+-]+):(?:compile|runtime)\\b");

  private SoftwareBill() {}

  /**
   * A library of the class path.
   *
   * @param sha256 of its jar, where that was found; hexadecimal
   */
  record Library(String group, String name, String version, Optional<String> sha256) {
    String purl() {
      return "pkg:maven/" + group + "/" + name + "@" + encode(version);
    }
  }

  /**
   * The libraries that this program was built with.
   *
   * @throws IOException where it was not built as a jar, and nobody noted them
   */
  static List<Library> classPath() throws IOException {
    try (InputStream in = SoftwareBill.class.getResourceAsStream(COORDINATES)) {
      if (in == null) {
        throw new IOException("this Belljar was not packaged: it lacks " + COORDINATES);
      }
      List<Library> libraries = new ArrayList<>();
      for (String line : new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList()) {
        Optional<Library> library = library(line);
        if (library.isPresent()) {
          libraries.add(withHash(library.get()));
        }
      }
      return libraries;
    }
  }

  /** As one line of the list says. */
  static Optional<Library> library(String line) {
    Matcher matcher = COORDINATE.matcher(line);
    return matcher.find()
        ? Optional.of(
            new Library(matcher.group(1), matcher.group(2), matcher.group(4), Optional.empty()))
        : Optional.empty();
  }

  /**
   * The document.
   *
   * @param guest what is in the image; empty where it is not built yet
   */
  static ObjectNode document(
      String version, List<Library> libraries, Optional<GuestSoftware> guest) {
    ObjectNode bill = JsonNodeFactory.instance.objectNode();
    bill.put("$schema", "http://cyclonedx.org/schema/bom-1.6.schema.json");
    bill.put("bomFormat", "CycloneDX").put("specVersion", "1.6");
    bill.put("serialNumber", "urn:uuid:" + UUID.randomUUID()).put("version", 1);
    ObjectNode metadata = bill.putObject("metadata");
    metadata.put("timestamp", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    metadata
        .putObject("component")
        .put("type", "application")
        .put("bom-ref", "belljar")
        .put("name", "belljar")
        .put("version", version);
    ArrayNode components = bill.putArray("components");
    for (Library library : libraries) {
      ObjectNode component = components.addObject();
      component.put("type", "library").put("bom-ref", library.purl());
      component.put("group", library.group()).put("name", library.name());
      component.put("version", library.version());
      library.sha256().ifPresent(hash -> addHash(component, "SHA-256", hash));
      component.put("purl", library.purl());
    }
    guest.ifPresent(software -> addGuest(components.addObject(), software));
    return bill;
  }

  private static void addGuest(ObjectNode image, GuestSoftware guest) {
    image.put("type", "operating-system").put("bom-ref", "guest-image");
    image.put("name", "belljar-guest-image").put("version", guest.image());
    ArrayNode packages = image.putArray("components");
    for (GuestSoftware.Item item : guest.items()) {
      String purl =
          switch (item.kind()) {
            case DEBIAN ->
                "pkg:deb/debian/%s@%s?distro=debian-13"
                    .formatted(encode(item.packageName()), encode(item.version()));
            case NPM ->
                "pkg:npm/%s@%s"
                    .formatted(item.packageName().replace("@", "%40"), encode(item.version()));
          };
      ObjectNode component = packages.addObject();
      component.put("type", item.kind() == GuestSoftware.Kind.NPM ? "application" : "library");
      component.put("bom-ref", purl).put("name", item.name()).put("version", item.version());
      item.sha512().ifPresent(hash -> addHash(component, "SHA-512", hash));
      component.put("purl", purl);
    }
  }

  private static void addHash(ObjectNode component, String algorithm, String content) {
    component.putArray("hashes").addObject().put("alg", algorithm).put("content", content);
  }

  private static Library withHash(Library library) throws IOException {
    String file = library.name() + "-" + library.version() + ".jar";
    Optional<Path> jar =
        Stream.of(System.getProperty("java.class.path", "").split(":", -1))
            .filter(entry -> entry.endsWith("/" + file))
            .map(Path::of)
            .filter(Files::isRegularFile)
            .findFirst();
    return jar.isEmpty()
        ? library
        : new Library(
            library.group(), library.name(), library.version(), Optional.of(sha256(jar.get())));
  }

  private static String sha256(Path file) throws IOException {
    try {
      return HexFormat.of()
          .formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }

  /** A package URL's version may have colons, but neither plus nor blank (its specification). */
  private static String encode(String text) {
    return text.replace("%", "%25").replace("+", "%2B").replace(" ", "%20");
  }
}
