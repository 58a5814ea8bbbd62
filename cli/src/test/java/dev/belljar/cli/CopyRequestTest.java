package dev.belljar.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CopyRequestTest {
  @TempDir Path directory;

  @Test
  void withoutATargetTheNameIsKept() {
    assertThat(CopyRequest.parse(directory.toString()).guest())
        .isEqualTo("/home/app/" + directory.getFileName());
  }

  @Test
  void theCurrentDirectoryFillsTheHome() {
    assertThat(CopyRequest.parse(".").guest()).isEqualTo("/home/app");
    assertThat(CopyRequest.parse("./").guest()).isEqualTo("/home/app");
  }

  @Test
  void aTargetIsAbsoluteOrBelowTheHome() {
    assertThat(CopyRequest.parse(directory + ":/tmp/in").guest()).isEqualTo("/tmp/in");
    assertThat(CopyRequest.parse(directory + ":data/in").guest()).isEqualTo("/home/app/data/in");
  }

  @Test
  void aFileThatHasAColonInItsNameIsThatFile() throws IOException {
    Path odd = Files.writeString(directory.resolve("a:b"), "");

    assertThat(CopyRequest.parse(odd.toString())).isEqualTo(new CopyRequest(odd, "/home/app/a:b"));
    assertThat(CopyRequest.parse(odd + ":/tmp/c")).isEqualTo(new CopyRequest(odd, "/tmp/c"));
  }
}
