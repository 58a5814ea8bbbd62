package dev.belljar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.belljar.SandboxOptions.ConnectTo;
import java.time.Duration;
import java.util.function.UnaryOperator;
import org.assertj.core.api.ThrowableAssertAlternative;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SandboxOptionsTest {

  @Test
  void theDefaultsAreThoseOfTheDocumentation() {
    SandboxOptions options = SandboxOptions.builder().build();
    assertThat(options.memory()).isEqualTo(ByteSize.ofMebibytes(1280));
    assertThat(options.vcpus()).isEqualTo(2);
    assertThat(options.timeout()).isEmpty();
    assertThat(options.workingDirectory()).isEqualTo("/home/app");
    assertThat(options.processes()).isEqualTo(1024);
    assertThat(options.allowNet()).isEmpty();
    assertThat(options.noNet()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"767MiB", "0", "4097MiB", "1TiB"})
  void memoryOutOfBoundsIsRefusedWithTheBounds(String memory) {
    refused(builder -> builder.memory(memory)).withMessageContaining("768 MiB to 4096 MiB");
  }

  @ParameterizedTest
  @ValueSource(strings = {"768MiB", "4GiB"})
  void memoryAtItsBoundsIsTaken(String memory) {
    assertThat(SandboxOptions.builder().memory(memory).build().memory())
        .isEqualTo(ByteSize.parse(memory));
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 0, 17})
  void processorsOutOfBoundsAreRefusedWithTheBounds(int count) {
    refused(builder -> builder.vcpus(count)).withMessageContaining("1 to 16");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 15, 32_769})
  void processLimitsOutOfBoundsAreRefusedWithTheBounds(int count) {
    refused(builder -> builder.processes(count)).withMessageContaining("16 to 32768");
  }

  @ParameterizedTest
  @ValueSource(strings = {"PT0S", "PT-1S"})
  void aLifetimeOfNothingIsRefused(Duration lifetime) {
    refused(builder -> builder.timeout(lifetime)).withMessageContaining("longer than nothing");
  }

  @Test
  void aLifetimeThatNoClockCanHoldIsRefused() {
    refused(builder -> builder.timeout(Duration.ofSeconds(Long.MAX_VALUE)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "A=B", "A\0B"})
  void aNameThatNoVariableCanHaveIsRefused(String name) {
    refused(builder -> builder.env(name, "x"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "A B", "1A", "A-B", "A=B", "Ä", "A\n"})
  void aNameThatNoProgramCouldWriteIsNoneForASecret(String name) {
    refused(builder -> builder.secret(name, Secret.of("value", "a.example")))
        .withMessageContaining("secret");
  }

  @Test
  void aValueWithNulIsRefused() {
    refused(builder -> builder.env("A", "x\0y")).withMessageContaining("'A'");
  }

  @Test
  void fiveLabelsAreTakenAndSixRefused() {
    UnaryOperator<SandboxOptions.Builder> five =
        builder -> {
          for (int i = 0; i < 5; i++) {
            builder.label("label" + i, "value");
          }
          return builder;
        };
    assertThat(five.apply(SandboxOptions.builder()).build().labels()).hasSize(5);
    refused(builder -> five.apply(builder).label("sixth", "value")).withMessageContaining("5");
  }

  @Test
  void labelsHaveBounds() {
    refused(builder -> builder.label("", "value"));
    refused(builder -> builder.label("k".repeat(65), "value"));
    refused(builder -> builder.label("key", "v".repeat(129)));
    assertThat(SandboxOptions.builder().label("k".repeat(64), "v".repeat(128)).build().labels())
        .hasSize(1);
  }

  @Test
  void noNetworkAndAnAllowListExcludeEachOther() {
    refused(builder -> builder.noNet().allowNet("example.com"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "relative", "./x", "/a\0b"})
  void theWorkingDirectoryIsAbsolute(String path) {
    refused(builder -> builder.workingDirectory(path));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "relative",
        "./x",
        "/a\0b",
        "/",
        "//",
        "/.",
        "/data/..",
        "/a/../etc",
        "/etc",
        "/usr/",
        "/bin",
        "/lib64",
        "/home",
        "/root",
        "/tmp",
        "/var",
        "/boot",
        "/dev",
        "/dev/shm",
        "/proc/data",
        "/sys/x",
        "/run/user",
        "/usr/bin",
        "/usr/lib/",
        "/lib/x86_64-linux-gnu",
        "/usr/lib/x86_64-linux-gnu/x",
        "/usr/share",
        "/usr/share/x",
        "/lib/node_modules",
        "/etc/ssl",
        "/etc/service",
        "/usr/local",
        "/usr/local/bin",
        "/usr/local/./bin//x",
        "/usr/local/sbin/x",
        "/usr/local/lib",
        "/usr/local/lib/node_modules/npm",
        "/usr/local/man/x",
        "/usr/local/share",
        "/var/run",
        "/var/run/x",
        "/var/lock/x",
        "/var/lib",
        "/var/lib/dpkg",
        "/var/lib/apt/lists",
        "/var/log",
        "/var/tmp",
        "/var/spool/mail/x",
        "/boot/x",
        "/lib32/x",
        "/sbin/x"
      })
  void aVolumeHasAPlaceOfItsOwn(String path) {
    refused(builder -> builder.volume(path, "data")).withMessageContaining("volume");
  }

  @ParameterizedTest
  @CsvSource({
    "/app, /home/app",
    "/app/data/, /home/app/data",
    "/usr/local/data, /usr/local/data",
    "/usr/local/share/x, /usr/local/share/x",
    "/usr/local/lib/x, /usr/local/lib/x",
    "/usr/src/, /usr/src",
    "/usr/src/app, /usr/src/app",
    "/opt, /opt",
    "/srv, /srv",
    "/mnt, /mnt",
    "/media/x, /media/x",
    "/home/x, /home/x",
    "/root/.cache, /root/.cache",
    "/tmp/x, /tmp/x",
    "/var/www, /var/www",
    "/var/log/x, /var/log/x",
    "/var/cache/apt, /var/cache/apt",
    "/var/runs, /var/runs",
    "/var/lib/mysql, /var/lib/mysql",
    "/var/lib/postgresql/17/main, /var/lib/postgresql/17/main",
    "/var/lib/postgresql, /var/lib/postgresql"
  })
  void aVolumeMayBeBesideWhatTheSystemNeeds(String path, String normalized) {
    assertThat(SandboxOptions.builder().volume(path, "data").build().volumes())
        .containsOnlyKeys(normalized);
  }

  @Test
  void aPlaceTooLongForAVolumeIsRefusedAndNotRepeated() {
    refused(builder -> builder.volume("/" + "x".repeat(5000), "data"))
        .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(300));
  }

  @ParameterizedTest
  @ValueSource(strings = {"/data", "/data/", "//data", "/./data"})
  void twoVolumesAreNotInOnePlace(String path) {
    refused(builder -> builder.volume("/data", "one").volume(path, "two"))
        .withMessageContaining("Two volumes");
  }

  @Test
  void eightVolumesAreTakenThoseBelowOthersLast() {
    SandboxOptions.Builder builder = SandboxOptions.builder();
    for (int i = 0; i < 7; i++) {
      builder.volume("/data/" + i + "/", "volume-" + i);
    }
    assertThat(builder.volume("/data", "volume").build().volumes().keySet())
        .startsWith("/data", "/data/0")
        .hasSize(8);
    refused(more -> builder.volume("/ninth", "volume-9")).withMessageContaining("8");
  }

  @Test
  void whatWasBuiltDoesNotChangeWithItsBuilder() {
    SandboxOptions.Builder builder = SandboxOptions.builder().env("A", "1").allowNet("example.com");
    SandboxOptions built = builder.build();
    builder.env("B", "2").allowNet("example.org");
    assertThat(built.env()).containsOnlyKeys("A");
    assertThat(built.allowNet()).containsExactly("example.com");
  }

  @ParameterizedTest
  @CsvSource({
    "api.example.com:443:127.0.0.1:8443, api.example.com, 443, 127.0.0.1, 8443",
    "[2001:db8::1]:443:[::1]:8443, 2001:db8::1, 443, ::1, 8443",
    "a:1:b:65535, a, 1, b, 65535"
  })
  void connectToIsReadFromText(
      String text, String host, int port, String address, int addressPort) {
    assertThat(ConnectTo.parse(text)).isEqualTo(new ConnectTo(host, port, address, addressPort));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "example.com",
        "example.com:443",
        "example.com:443:127.0.0.1",
        "example.com:0:127.0.0.1:1",
        "example.com:443:127.0.0.1:65536",
        "example.com:443:127.0.0.1:99999",
        "example.com:x:127.0.0.1:1",
        ":443:127.0.0.1:1",
        "example.com:443::1",
        "::1:443:127.0.0.1:1",
        "a:1:b:2:c"
      })
  void textThatIsNoConnectToIsRefusedWithTheForm(String text) {
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> ConnectTo.parse(text))
        .withMessageContaining("HOST:PORT:ADDRESS:PORT");
  }

  private static ThrowableAssertAlternative<InvalidOptionException> refused(
      UnaryOperator<SandboxOptions.Builder> options) {
    return assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> options.apply(SandboxOptions.builder()).build());
  }
}
