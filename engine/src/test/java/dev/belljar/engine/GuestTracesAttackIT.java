package dev.belljar.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.belljar.Sandbox;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a guest's root can tell of its host, of its template, and of its neighbours' chance. */
@Timeout(180)
class GuestTracesAttackIT {
  private static Sandbox one;
  private static Sandbox two;

  @BeforeAll
  static void create() {
    one = Sandbox.create();
    two = Sandbox.create();
  }

  @AfterAll
  static void close() {
    one.close();
    two.close();
  }

  @Test
  void twoMachinesOfOneTemplateNeverDrawTheSame() {
    String draw =
        """
        hostname
        cat /etc/machine-id /proc/sys/kernel/random/boot_id /proc/sys/kernel/random/uuid
        sudo umount /proc/sys/kernel/random/boot_id
        cat /proc/sys/kernel/random/boot_id
        for i in 1 2 3; do head -c 16 /dev/urandom | od -An -tx1; head -c 16 /dev/random | od -An -tx1; done
        python3 -c 'import random, secrets, uuid, os, tempfile
        print(random.random()); print(secrets.token_hex()); print(uuid.uuid4()); print(uuid.uuid1())
        print(hash("text")); print(os.getrandom(16).hex()); print(tempfile.mktemp())'
        mktemp -u XXXXXXXXXXXXXXXX
        bash -c 'echo $RANDOM-$RANDOM-$RANDOM-$SRANDOM'
        deno eval 'console.log(Math.random()); console.log(crypto.randomUUID()); console.log(crypto.getRandomValues(new Uint8Array(16)).join())'
        node -p 'Math.random() + "\\n" + crypto.randomUUID() + "\\n" + crypto.randomBytes(16).toString("hex")'
        openssl rand -hex 16
        openssl ecparam -name prime256v1 -genkey -noout | openssl ec -pubout 2>/dev/null | sed -n 2,3p
        openssl genpkey -algorithm ed25519 | sed -n 2p
        """;
    List<String> first = one.sh(draw).lines();
    List<String> second = two.sh(draw).lines();
    assertThat(first).hasSize(30).doesNotHaveDuplicates().doesNotContainAnyElementsOf(second);
    assertThat(second).hasSameSizeAs(first).doesNotHaveDuplicates();
  }

  /**
   * RFC 6528: a secret hash of both ends, and a clock of 64 ns; without the clock they must differ.
   */
  @Test
  void tcpSequenceNumbersOfTwoMachinesHaveNothingInCommon() {
    String script =
        """
        sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0300)
        sniffer.bind(("lo", 0))
        for port in range(41000, 41006):
            s = socket.socket()
            s.setblocking(False)
            s.bind(("198.19.255.1", port))
            s.connect_ex(("203.0.113.7", 80))
            while True:
                packet = sniffer.recv(200)
                now = time.time_ns() >> 6
                if packet[23] == 6 and struct.unpack(">H", packet[34:36])[0] == port and packet[47] & 0x12 == 2: break
            print((struct.unpack(">I", packet[38:42])[0] - now) & 0xffffffff)
            s.close()
        """;
    List<String> first = GuestRoot.python(one, script).lines().toList();
    List<String> second = GuestRoot.python(two, script).lines().toList();
    assertThat(first).hasSize(6);
    int near = 0;
    for (int i = 0; i < 6; i++) {
      int apart = (int) (Long.parseLong(first.get(i)) - Long.parseLong(second.get(i)));
      // 100 ms.
      near += Math.abs(apart) < 1_562_500 ? 1 : 0;
    }
    assertThat(near).as("of six").isLessThan(2);
  }

  @Test
  void noKeyIsBakedIntoTheImage() {
    String search =
        "sudo sh -c 'ls /etc/ssh/ssh_host_* /root/.ssh /home/app/.ssh /etc/ssl/private/* /var/lib/systemd/random-seed 2>/dev/null;"
            + " grep -rlE -- \"^-----BEGIN( [A-Z]+)? PRIVATE KEY\" /etc /home /root /opt /srv /run 2>/dev/null; true'";
    assertThat(one.sh(search).text()).isEmpty();
  }

  @Test
  void nothingOfAnEarlierSandboxIsLeft() {
    String mark = "mark-of-an-earlier-one-" + one.id();
    try (Sandbox earlier = Sandbox.create()) {
      earlier.fs().writeTextFile("/home/app/mark", mark);
      earlier.fs().writeTextFile("/dev/shm/mark", mark);
      earlier.sh("sync").text();
    }
    List<String> wanted = new ArrayList<>(ofThisHost());
    wanted.add(mark);
    String control = "control-" + one.id();
    wanted.add(control);
    try (Sandbox later = Sandbox.create()) {
      later.fs().writeTextFile("/dev/shm/control", control);
      assertThat(GuestMemory.found(later, wanted))
          .as("of this host, or of an earlier sandbox, in all of its memory")
          .containsExactly(control);
      assertThat(
              later
                  .sh("sudo head -c 300M /dev/vdb | grep -c -a mark-of-an-earlier || true")
                  .text()
                  .strip())
          .isEqualTo("0");
    }
  }

  /** What is particular enough to be looked for. */
  private static List<String> ofThisHost() {
    List<String> texts = new ArrayList<>();
    texts.add(System.getProperty("os.version"));
    texts.add(System.getProperty("user.dir"));
    texts.add(System.getProperty("user.home") + "/.cache/belljar");
    try {
      texts.add(InetAddress.getLocalHost().getHostName());
      texts.add(Files.readString(Path.of("/etc/machine-id")).strip());
      texts.add(Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip());
      texts.add(Files.readString(Path.of("/proc/version")).strip());
    } catch (IOException e) {
      // Not every host has all of them.
    }
    System.getenv().values().stream()
        .filter(v -> v.length() >= 24 && v.length() < 1000 && !v.matches("/(etc|usr)/.*"))
        .limit(4)
        .forEach(texts::add);
    return texts.stream().filter(text -> text.length() >= 12).distinct().toList();
  }

  @Test
  void theHostsKernelAndProcessorAreNotTheGuests() throws IOException {
    assertThat(one.sh("uname -r; cat /proc/version").text())
        .doesNotContain(Files.readString(Path.of("/proc/version")).strip())
        .doesNotContain(System.getProperty("os.version"));
    assertThat(
            one.sh(
                    "ls -d /sys/class/dmi /sys/firmware/qemu_fw_cfg /sys/bus/pci/devices/* 2>/dev/null; true")
                .text())
        .isEmpty();
    if (!one.isolation().hardware()) {
      assertThat(one.sh("grep 'model name' /proc/cpuinfo | sort -u").text()).contains("QEMU");
    }
  }
}
