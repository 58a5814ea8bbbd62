package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import dev.belljar.ByteSize;
import dev.belljar.InvalidOptionException;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.Snapshot;
import dev.belljar.Storage;
import dev.belljar.StorageException;
import dev.belljar.StorageException.Reason;
import dev.belljar.Volume;
import dev.belljar.VolumeOptions;
import dev.belljar.spi.Tenant;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class VolumesIT {
  private static final ByteSize SIZE = ByteSize.parse("400MB");

  @TempDir private Path directory;
  private Tenant tenant = Tenant.OWN;
  private Storage storage;

  @BeforeEach
  void open() {
    tenant = new Tenant("", Optional.of(directory.resolve("storage")));
    storage = LocalEngine.instance().storage(tenant);
  }

  private Sandbox with(SandboxOptions.Builder options) {
    return LocalEngine.instance().create(options.build(), tenant);
  }

  private static SandboxOptions.Builder at(String path, String volume) {
    return SandboxOptions.builder().volume(path, volume);
  }

  @Test
  void whatWasWrittenIsThereInTheNextSandbox() {
    storage.volumes().create(VolumeOptions.of("data", SIZE));
    try (Sandbox one = with(at("/data", "data"))) {
      assertThat(one.sh("ls -A /data").text()).isEmpty();
      one.fs().writeTextFile("/data/note", "kept");
      one.sh("mkdir /data/dir && head -c 30M /dev/urandom > /data/dir/big").text();
      one.sh("sha256sum /data/dir/big > /data/sum").text();
    }
    try (Sandbox other = with(at("/elsewhere/deep", "data"))) {
      assertThat(other.fs().readTextFile("/elsewhere/deep/note")).isEqualTo("kept");
      assertThat(
              other
                  .sh("sed s,/data,/elsewhere/deep, /elsewhere/deep/sum | sha256sum -c")
                  .noThrow()
                  .text())
          .contains("OK");
    }
  }

  @Test
  void severalVolumesAreMountedAtOnce() {
    storage.volumes().create(VolumeOptions.of("one", SIZE));
    storage.volumes().create(VolumeOptions.of("two", SIZE));
    try (Sandbox sandbox =
        with(SandboxOptions.builder().volume("/a", "one").volume("/a/b", "two"))) {
      sandbox.sh("echo 1 > /a/x; echo 2 > /a/b/x").text();
      assertThat(sandbox.sh("cat /a/x /a/b/x").text()).isEqualTo("1\n2\n");
    }
    try (Sandbox sandbox = with(at("/b", "two"))) {
      assertThat(sandbox.sh("cat /b/x").text()).isEqualTo("2\n");
    }
  }

  @Test
  void aSecondSandboxIsToldWhoHasIt() {
    storage.volumes().create(VolumeOptions.of("data", SIZE));
    try (Sandbox holder = with(at("/data", "data"))) {
      assertThatExceptionOfType(StorageException.class)
          .isThrownBy(() -> with(at("/data", "data")).close())
          .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.BUSY))
          .withMessageContaining(holder.id());
      assertThat(storage.volumes().get("data").orElseThrow().holder()).contains(holder.id());
      assertThatExceptionOfType(StorageException.class)
          .isThrownBy(() -> storage.volumes().delete("data"))
          .withMessageContaining(holder.id());
    }
    assertThat(storage.volumes().get("data").orElseThrow().holder()).isEmpty();
  }

  @Test
  void aFullVolumeIsSaidInsideAndNothingWorse() {
    storage.volumes().create(VolumeOptions.of("data", ByteSize.parse("300MB")));
    try (Sandbox sandbox = with(at("/data", "data"))) {
      assertThat(sandbox.sh("head -c 500M /dev/zero > /data/big").noThrow().output().stderrText())
          .contains("No space left on device");
      sandbox.sh("rm /data/big; echo fine > /data/small; sync").text();
      assertThat(sandbox.fs().readTextFile("/data/small")).isEqualTo("fine\n");
    }
  }

  @Test
  void anInterruptKeepsNothingFromTheVolume() {
    storage.volumes().create(VolumeOptions.of("data", SIZE));
    Sandbox sandbox = with(at("/data", "data"));
    sandbox.fs().writeTextFile("/data/note", "kept");
    Thread.currentThread().interrupt();
    sandbox.close();
    assertThat(Thread.interrupted()).isTrue();
    assertThat(storage.volumes().get("data").orElseThrow().holder()).isEmpty();
    try (Sandbox other = with(at("/data", "data"))) {
      assertThat(other.fs().readTextFile("/data/note")).isEqualTo("kept");
    }
  }

  @Test
  void whatIsDeletedIsGivenBackToTheHost() {
    storage.volumes().create(VolumeOptions.of("data", SIZE));
    try (Sandbox sandbox = with(at("/data", "data"))) {
      sandbox.sh("head -c 200M /dev/urandom > /data/big && sync").text();
      await().until(() -> allocated("data") > 200 << 20);
      sandbox.sh("rm /data/big && sync").text();
      await().until(() -> allocated("data") < 20 << 20);
      // Also above a snapshot, where the first head is another node of QEMU's than after it.
      storage.volumes().snapshot("data", "empty");
      sandbox.sh("head -c 200M /dev/urandom > /data/big && sync").text();
      await().until(() -> allocated("data") > 200 << 20);
      sandbox.sh("rm /data/big && sync").text();
      await().until(() -> allocated("data") < 20 << 20);
    }
  }

  @Test
  void whatIsDeletedLastIsGivenBackAsWell() {
    storage.volumes().create(VolumeOptions.of("data", SIZE));
    try (Sandbox sandbox = with(at("/data", "data"))) {
      sandbox.sh("for i in $(seq 2000); do head -c 60k /dev/urandom > /data/$i; done").text();
      sandbox.sh("sync").text();
      await().until(() -> allocated("data") > 100 << 20);
      sandbox.sh("rm /data/*").text();
    }
    assertThat(allocated("data")).isLessThan(30 << 20);
  }

  @Test
  void aRootThatWasFilledToTheLastBlockIsUsedAgain() {
    storage
        .volumes()
        .create(VolumeOptions.of("root", ByteSize.parse("300MB")).from(VolumeOptions.BUILTIN));
    for (String fill :
        List.of(
            "sudo dd if=/dev/zero of=/opt/big bs=64k; sudo sh -c 'cat /dev/zero > /opt/more'; sync",
            "sudo sh -c 'cd /opt && i=0; while : > f$i; do i=$((i+1)); done'; sync")) {
      try (Sandbox sandbox = with(SandboxOptions.builder().root("root"))) {
        assertThat(sandbox.sh(fill).noThrow().output().stderrText()).contains("No space left");
      }
      storage.volumes().snapshot("root", "full-" + fill.length());
      try (Sandbox sandbox = with(SandboxOptions.builder().root("full-" + fill.length()))) {
        assertThat(sandbox.sh("cat /etc/debian_version").text()).isNotEmpty();
      }
      try (Sandbox sandbox = with(SandboxOptions.builder().root("root"))) {
        sandbox.sh("sudo find /opt -type f -delete; sudo touch /opt/fine; ls /opt").text();
        assertThat(sandbox.sh("ls /opt").text()).isEqualTo("fine\n");
      }
    }
  }

  @Test
  void aFileSystemThatHadAnErrorIsMendedBeforeItIsUsed() {
    storage.volumes().create(VolumeOptions.of("data", ByteSize.parse("300MB")));
    String state = "sudo dumpe2fs -h $(findmnt -n -o SOURCE /data) | grep state";
    try (Sandbox sandbox = with(at("/data", "data"))) {
      sandbox.sh("echo kept > /data/note; sync").text();
      sandbox
          .sh(
              "echo test | sudo tee /sys/fs/ext4/$(findmnt -n -o SOURCE /data | cut -c6-)/trigger_fs_error")
          .text();
      assertThat(sandbox.sh(state).text()).contains("with errors");
    }
    try (Sandbox sandbox = with(at("/data", "data"))) {
      assertThat(sandbox.sh(state).text()).doesNotContain("with errors");
      assertThat(sandbox.sh("cat /data/note").text()).isEqualTo("kept\n");
    }
  }

  @Test
  void noProgramOfARootLooksAtAVolume() {
    storage.volumes().create(VolumeOptions.of("data", ByteSize.parse("300MB")));
    storage
        .volumes()
        .create(VolumeOptions.of("root", ByteSize.parse("300MB")).from(VolumeOptions.BUILTIN));
    try (Sandbox sandbox = with(at("/data", "data").root("root"))) {
      sandbox
          .sh(
              "printf '#!/bin/sh\\ntouch /ran; sleep infinity\\n' | sudo tee /usr/sbin/e2fsck;"
                  + " echo test | sudo tee /sys/fs/ext4/$(findmnt -n -o SOURCE /data | cut -c6-)/trigger_fs_error")
          .text();
    }
    try (Sandbox sandbox = with(at("/data", "data").root("root"))) {
      assertThat(sandbox.sh("ls /ran").noThrow().output().status().success()).isFalse();
      sandbox.sh("sudo touch /data/writable").text();
    }
  }

  @Test
  void noSymbolicLinkOfARootLeadsAVolumeElsewhere() {
    storage.volumes().create(VolumeOptions.of("data", ByteSize.parse("300MB")));
    storage
        .volumes()
        .create(VolumeOptions.of("root", ByteSize.parse("300MB")).from(VolumeOptions.BUILTIN));
    try (Sandbox sandbox = with(SandboxOptions.builder().root("root"))) {
      sandbox.sh("sudo ln -s /etc /data; sudo ln -s /nowhere /lost").text();
    }
    for (String path : List.of("/data", "/data/below", "/lost")) {
      assertThatExceptionOfType(InvalidOptionException.class)
          .isThrownBy(() -> with(at(path, "data").root("root")).close())
          .withMessageContaining("symbolic link");
    }
  }

  private long allocated(String volume) {
    return storage.volumes().get(volume).orElseThrow().allocatedSize();
  }

  /** A package of Debian's and one of npm's, made on the spot: there is no network. */
  private static final String PACKAGES =
      """
      set -e
      mkdir -p /tmp/deb/DEBIAN /tmp/deb/usr/bin /tmp/js
      printf 'Package: greeter\\nVersion: 1\\nArchitecture: all\\nMaintainer: nobody <n@example.com>\\nDescription: greets\\n' > /tmp/deb/DEBIAN/control
      printf '#!/bin/sh\\necho from apt\\n' > /tmp/deb/usr/bin/greeter
      chmod 755 /tmp/deb/usr/bin/greeter
      dpkg-deb --root-owner-group -b /tmp/deb /tmp/greeter.deb
      sudo apt-get install -y --no-install-recommends /tmp/greeter.deb
      printf '{"name":"jsgreeter","version":"1.0.0","bin":{"jsgreeter":"main.js"}}' > /tmp/js/package.json
      printf '#!/usr/bin/env node\\nconsole.log("from npm")\\n' > /tmp/js/main.js
      chmod 755 /tmp/js/main.js
      cd /tmp/js && npm install -g --offline "./$(npm pack --silent)"
      """;

  @Test
  void whatAptAndNpmInstallStays() {
    storage.volumes().create(VolumeOptions.of("root", SIZE).from(VolumeOptions.BUILTIN));
    try (Sandbox sandbox = with(SandboxOptions.builder().root("root"))) {
      sandbox.sh(PACKAGES).text();
    }
    storage.volumes().snapshot("root", "tools");
    for (String root : new String[] {"root", "tools"}) {
      try (Sandbox sandbox = with(SandboxOptions.builder().root(root))) {
        assertThat(sandbox.sh("greeter; jsgreeter; dpkg -s greeter | grep Status").text())
            .isEqualTo("from apt\nfrom npm\nStatus: install ok installed\n");
      }
    }
  }

  @Test
  void aBootableVolumeKeepsWhatIsInstalled() {
    storage.volumes().create(VolumeOptions.of("root", SIZE).from(VolumeOptions.BUILTIN));
    try (Sandbox sandbox = with(SandboxOptions.builder().root("root"))) {
      sandbox
          .sh(
              "sudo sh -c 'echo \"#!/bin/sh\necho tool\" > /usr/local/bin/tool; chmod +x /usr/local/bin/tool; rm /usr/bin/jq'")
          .text();
      assertThat(sandbox.sh("tool; hostname; cat /etc/hostname").text())
          .contains("tool\n")
          .contains(sandbox.id().replace('_', '-'));
    }
    try (Sandbox sandbox = with(SandboxOptions.builder().root("root"))) {
      assertThat(
              sandbox
                  .sh("tool; ls /usr/bin/jq 2>&1; df -h /; deno eval 'console.log(1+1)'")
                  .noThrow()
                  .text())
          .contains("tool\n")
          .contains("No such file")
          .contains("2\n");
    }
  }

  @Test
  void manySandboxesBootFromOneSnapshotAndWriteForThemselves() {
    storage.volumes().create(VolumeOptions.of("root", SIZE).from(VolumeOptions.BUILTIN));
    try (Sandbox sandbox = with(SandboxOptions.builder().root("root"))) {
      sandbox.fs().writeTextFile("/home/app/base", "base");
    }
    Snapshot snapshot = storage.volumes().snapshot("root", "frozen");
    assertThat(snapshot.bootable()).isTrue();
    try (Sandbox one = with(SandboxOptions.builder().root("frozen"));
        Sandbox two = with(SandboxOptions.builder().root(snapshot.id()))) {
      one.fs().writeTextFile("/home/app/own", "one");
      assertThat(two.sh("cat base; ls").text()).isEqualTo("basebase\n");
      storage.snapshots().delete("frozen");
      assertThat(two.sh("sha256sum /usr/bin/* > /dev/null; cat base").text()).isEqualTo("base");
    }
    assertThat(storage.snapshots().get("frozen")).isEmpty();
  }

  @Test
  void aSnapshotOfARunningVolumeIsOfThatInstant() {
    storage.volumes().create(VolumeOptions.of("data", SIZE));
    try (Sandbox sandbox = with(at("/data", "data"))) {
      sandbox.fs().writeTextFile("/data/note", "before");
      storage.volumes().snapshot("data", "then");
      sandbox.fs().writeTextFile("/data/note", "after");
      storage.volumes().snapshot("data", "later");
      sandbox.sh("echo more > /data/more").text();
    }
    Volume copy = storage.volumes().create(VolumeOptions.of("copy", SIZE).from("then"));
    assertThat(copy.baseSnapshot())
        .contains(new Volume.Origin(storage.snapshots().get("then").orElseThrow().id(), "then"));
    storage.volumes().create(VolumeOptions.of("larger", ByteSize.parse("800MB")).from("later"));
    try (Sandbox sandbox =
        with(
            SandboxOptions.builder()
                .volume("/now", "data")
                .volume("/then", "copy")
                .volume("/later", "larger"))) {
      assertThat(
              sandbox
                  .sh("cat /then/note; echo; cat /later/note; echo; cat /now/note; ls /now /later")
                  .text())
          .isEqualTo("before\nafter\nafter/later:\nnote\n\n/now:\nmore\nnote\n");
      assertThat(
              Long.parseLong(
                  sandbox.sh("df --output=size -BM /later | tail -1 | tr -dc 0-9").text()))
          .isGreaterThan(700);
    }
  }

  @Test
  void aSnapshotIsNoVolumeAndAVolumeWithoutASystemNoRoot() {
    storage.volumes().create(VolumeOptions.of("data", SIZE));
    storage.volumes().snapshot("data", "frozen");
    assertThatExceptionOfType(InvalidOptionException.class)
        .isThrownBy(() -> with(at("/data", "frozen")).close())
        .withMessageContaining("snapshot");
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(() -> with(SandboxOptions.builder().root("data")).close())
        .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.NOT_BOOTABLE));
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(() -> storage.volumes().snapshot("frozen", "again"))
        .withMessageContaining("a snapshot already");
  }
}
