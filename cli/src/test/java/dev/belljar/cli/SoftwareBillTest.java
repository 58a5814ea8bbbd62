package dev.belljar.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.engine.GuestSoftware;
import dev.belljar.engine.GuestSoftware.Item;
import dev.belljar.engine.GuestSoftware.Kind;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** The form of the bill: what CycloneDX 1.6 requires of the fields that are used. */
class SoftwareBillTest {
  private static final Set<String> TYPES = Set.of("application", "library", "operating-system");

  private final JsonNode bill =
      SoftwareBill.document(
          "1.2.3",
          List.of(
              new SoftwareBill.Library(
                  "org.example", "one", "1.0+build", Optional.of("ab".repeat(32)))),
          Optional.of(
              new GuestSoftware(
                  "0123-4567",
                  List.of(
                      new Item(
                          Kind.DEBIAN, "libc6", "libc6", "1:2.41-12+deb13u1", Optional.empty()),
                      new Item(
                          Kind.NPM,
                          "deno",
                          "@deno/linux-x64-glibc",
                          "2.9.6",
                          Optional.of("cd".repeat(64)))))));

  @Test
  void theDocumentSaysWhatItIs() {
    assertThat(bill.path("bomFormat").asString()).isEqualTo("CycloneDX");
    assertThat(bill.path("specVersion").asString()).isEqualTo("1.6");
    assertThat(bill.path("version").asInt()).isEqualTo(1);
    assertThat(bill.path("serialNumber").asString())
        .matches("urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");
    assertThat(Instant.parse(bill.path("metadata").path("timestamp").asString())).isNotNull();
    assertThat(bill.path("metadata").path("component").path("version").asString())
        .isEqualTo("1.2.3");
  }

  @Test
  void everyComponentHasTypeNameVersionAndAReferenceOfItsOwn() {
    List<JsonNode> all = new ArrayList<>();
    all.add(bill.path("metadata").path("component"));
    collect(bill, all);
    assertThat(all).hasSize(5);
    Set<String> references = new HashSet<>();
    for (JsonNode component : all) {
      assertThat(component.path("type").asString()).isIn(TYPES);
      assertThat(component.path("name").asString()).isNotBlank();
      assertThat(component.path("version").asString()).isNotBlank();
      assertThat(references.add(component.path("bom-ref").asString())).isTrue();
      for (JsonNode hash : component.path("hashes")) {
        int digits = hash.path("alg").asString().equals("SHA-256") ? 64 : 128;
        assertThat(hash.path("content").asString()).matches("[0-9a-f]{" + digits + "}");
      }
    }
  }

  @Test
  void packagesAreNamedByTheirUrls() {
    assertThat(bill.findValuesAsString("purl"))
        .containsExactlyInAnyOrder(
            "pkg:maven/org.example/one@1.0%2Bbuild",
            "pkg:deb/debian/libc6@1:2.41-12%2Bdeb13u1?distro=debian-13",
            "pkg:npm/%40deno/linux-x64-glibc@2.9.6");
  }

  @Test
  void aLineOfTheBuildsListIsRead() {
    assertThat(
            SoftwareBill.library(
                "   tools.jackson.core:jackson-databind:jar:3.2.4:compile -- module x.y"))
        .contains(
            new SoftwareBill.Library(
                "tools.jackson.core", "jackson-databind", "3.2.4", Optional.empty()));
    assertThat(SoftwareBill.library("   io.netty:netty:jar:linux-x86_64:4.2.1:runtime"))
        .hasValueSatisfying(library -> assertThat(library.version()).isEqualTo("4.2.1"));
    assertThat(SoftwareBill.library("The following files have been resolved:")).isEmpty();
    assertThat(SoftwareBill.library("   org.junit:junit:jar:6.1.3:test")).isEmpty();
  }

  private static void collect(JsonNode parent, List<JsonNode> all) {
    for (JsonNode component : parent.path("components")) {
      all.add(component);
      collect(component, all);
    }
  }
}
