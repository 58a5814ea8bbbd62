package dev.belljar.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.belljar.DenoRepl;
import dev.belljar.PoolOptions;
import dev.belljar.Sandbox;
import dev.belljar.SandboxOptions;
import dev.belljar.SandboxPausedException;
import dev.belljar.SandboxPool;
import dev.belljar.ScriptException;
import dev.belljar.SpawnOptions;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Evaluators that were started before their sandbox was made. */
@Timeout(300)
@SuppressWarnings("NullAway.Init") // before each test
class WarmDenoIT {
  /** A machine that is made ready stands back behind all others. */
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(3);

  private static final String WAITING = "pgrep -x deno || true";

  /** What the kernel gave the process to be random by: its start, before any of its own. */
  private static final String GIVEN =
      """
      import struct, sys
      pid = sys.argv[1]
      pairs = struct.iter_unpack("QQ", open(f"/proc/{pid}/auxv", "rb").read())
      place = dict(pairs)[25]
      with open(f"/proc/{pid}/mem", "rb") as memory:
          memory.seek(place)
          print(memory.read(16).hex())
      """;

  private SandboxPool pool;

  @BeforeEach
  void open() {
    pool = SandboxPool.open(PoolOptions.of(1, 1).withDeno(true));
  }

  @AfterEach
  void close() {
    pool.close();
  }

  /** One in which an evaluator waits. */
  private Sandbox warm(Consumer<SandboxOptions.Builder> options) throws InterruptedException {
    SandboxOptions.Builder builder = SandboxOptions.builder();
    options.accept(builder);
    assertThat(pool.awaitReady(LONGEST_WAIT)).isTrue();
    return Sandbox.create(builder.build());
  }

  private Sandbox warm() throws InterruptedException {
    return warm(options -> {});
  }

  private static int waiting(Sandbox sandbox) {
    return Integer.parseInt(sandbox.sh(WAITING).text().strip());
  }

  @Test
  void theFirstEvaluatorIsTheOneThatWaited() throws Exception {
    try (Sandbox sandbox = warm(options -> options.env("GREETING", "hello"))) {
      int pid = waiting(sandbox);
      sandbox.env().set("LATER", "set");
      sandbox
          .fs()
          .writeTextFile("greet.ts", "export const greet = (name: string) => 'hi ' + name;");
      try (DenoRepl repl =
          sandbox.deno().repl(SpawnOptions.builder().piped().env("OWN", "also").build())) {
        assertThat(repl.pid()).isEqualTo(pid);
        assertThat(
                repl.eval("[Deno.env.get('GREETING'), Deno.env.get('LATER'), Deno.env.get('OWN')]"))
            .isEqualTo(List.of("hello", "set", "also"));
        assertThat(repl.eval("Object.keys(Deno.env.toObject()).sort()"))
            .isEqualTo(
                List.of(
                    "DENO_NO_UPDATE_CHECK",
                    "GREETING",
                    "HOME",
                    "LANG",
                    "LATER",
                    "LOGNAME",
                    "OWN",
                    "PATH",
                    "SHELL",
                    "USER"));
        assertThat(repl.eval("Deno.cwd()")).isEqualTo("/home/app");
        assertThat(repl.eval("import { greet } from './greet.ts'; greet('you')"))
            .isEqualTo("hi you");
        assertThat(
                repl.eval(
                    "(await new Deno.Command('sh', { args: ['-c', 'echo $LATER'] }).output()).stdout.length"))
            .isEqualTo(4L);
        assertThatThrownBy(() -> repl.eval("throw new TypeError('no')"))
            .isInstanceOf(ScriptException.class);
        repl.eval("console.log('out'); console.error('err')");
        repl.close();
        assertThat(new String(repl.stdout().readAllBytes(), UTF_8)).isEqualTo("out\n");
        assertThat(new String(repl.stderr().readAllBytes(), UTF_8)).isEqualTo("err\n");
      }
      await().until(() -> sandbox.sh(WAITING).text().isEmpty());
      try (DenoRepl second = sandbox.deno().repl()) {
        assertThat(second.pid()).isNotEqualTo(pid);
        assertThat(second.eval("Deno.env.get('OWN') ?? 'nothing'")).isEqualTo("nothing");
      }
    }
  }

  @Test
  void noTwoDrawTheSame() throws Exception {
    Set<Object> drawn = new HashSet<>();
    for (int i = 0; i < 3; i++) {
      try (Sandbox sandbox = warm()) {
        int pid = waiting(sandbox);
        sandbox.fs().writeTextFile("given.py", GIVEN);
        assertThat(drawn.add(sandbox.sh("sudo python3 given.py " + pid).text())).isTrue();
        try (DenoRepl repl = sandbox.deno().repl()) {
          assertThat(repl.pid()).isEqualTo(pid);
          List<?> all =
              (List<?>)
                  Objects.requireNonNull(
                      repl.eval(
                          """
                  import { randomBytes, randomUUID } from "node:crypto";
                  const numbers = crypto.getRandomValues(new Uint32Array(4));
                  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
                  const key = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
                  [Math.random(), Math.random(), crypto.randomUUID(), numbers.join(), randomUUID(),
                   randomBytes(16).toString("hex"), key.join(), Deno.makeTempFileSync()]
                  """));
          for (Object one : all) {
            assertThat(drawn.add(one)).as("%s", one).isTrue();
          }
        }
      }
    }
    assertThat(drawn).hasSize(27);
  }

  @Test
  void whereANewOneWouldBeAnotherANewOneIsStarted() throws Exception {
    Map<String, SpawnOptions> others =
        Map.of(
            "a time zone", SpawnOptions.builder().piped().env("TZ", "Asia/Tokyo").build(),
            "arguments", SpawnOptions.builder().piped().args("x").build(),
            "a directory", SpawnOptions.builder().piped().cwd("/tmp").build(),
            "a user", SpawnOptions.builder().piped().user("root").build(),
            "no environment",
                SpawnOptions.builder()
                    .piped()
                    .clearEnv()
                    .env("PATH", "/usr/local/bin:/usr/bin")
                    .build());
    for (Map.Entry<String, SpawnOptions> other : others.entrySet()) {
      try (Sandbox sandbox = warm();
          DenoRepl repl = sandbox.deno().repl(other.getValue())) {
        assertThat(repl.pid()).as(other.getKey()).isNotEqualTo(0);
        Object said =
            repl.eval(
                "[Intl.DateTimeFormat().resolvedOptions().timeZone, Deno.args.length, Deno.cwd(), Deno.uid() === 0, Deno.env.has('HOME')]");
        assertThat(said)
            .isEqualTo(
                switch (other.getKey()) {
                  case "a time zone" -> List.of("Asia/Tokyo", 0L, "/home/app", false, true);
                  case "arguments" -> List.of("UTC", 1L, "/home/app", false, true);
                  case "a directory" -> List.of("UTC", 0L, "/tmp", false, true);
                  case "a user" -> List.of("UTC", 0L, "/home/app", true, true);
                  default -> List.of("UTC", 0L, "/home/app", false, false);
                });
        // The one that waited is ended: it would only take memory.
        await().until(() -> sandbox.sh(WAITING).text().lines().count() == 1);
      }
    }
  }

  @Test
  void aProjectsSettingsHold() throws Exception {
    try (Sandbox sandbox = warm()) {
      int pid = waiting(sandbox);
      sandbox.fs().writeTextFile("deno.json", "{\"imports\": {\"short\": \"./long.ts\"}}");
      sandbox.fs().writeTextFile("long.ts", "export const value = 7;");
      try (DenoRepl repl = sandbox.deno().repl()) {
        assertThat(repl.pid()).isNotEqualTo(pid);
        assertThat(repl.eval("(await import('short')).value")).isEqualTo(7L);
      }
    }
  }

  @Test
  void whatWasKilledIsStartedAnew() throws Exception {
    try (Sandbox sandbox = warm()) {
      int pid = waiting(sandbox);
      sandbox.sh("sudo kill -9 " + pid).text();
      assertThat(sandbox.deno().eval("6 * 7")).isEqualTo(42L);
    }
  }

  @Test
  void theTimeZoneOfTheMachineHolds() throws Exception {
    try (Sandbox sandbox = warm()) {
      int pid = waiting(sandbox);
      sandbox.sh("sudo ln -sf /usr/share/zoneinfo/Asia/Tokyo /etc/localtime").text();
      try (DenoRepl repl = sandbox.deno().repl()) {
        assertThat(repl.pid()).isNotEqualTo(pid);
        assertThat(repl.eval("new Date(0).getHours()")).isEqualTo(9L);
      }
    }
  }

  @Test
  void theGroupsThatTheUserIsInNowHold() throws Exception {
    try (Sandbox sandbox = warm()) {
      sandbox.sh("sudo usermod --append --groups users app").text();
      sandbox
          .sh("sudo mkdir /shared && sudo chgrp users /shared && sudo chmod 2770 /shared")
          .text();
      assertThat(sandbox.deno().eval("Deno.writeTextFileSync('/shared/file', 'x')")).isNull();
    }
  }

  @Test
  void whatIsMountedOnTheDirectoryIsSeen() throws Exception {
    try (Sandbox sandbox = warm()) {
      sandbox.sh("sudo mount -t tmpfs none /home/app && echo x | sudo tee /home/app/seen").text();
      assertThat(sandbox.deno().eval("Deno.readTextFileSync('seen')")).isEqualTo("x\n");
    }
  }

  @Test
  void whatWasStoppedIsEndedAndStartedAnew() throws Exception {
    try (Sandbox sandbox = warm()) {
      int pid = waiting(sandbox);
      sandbox.sh("kill -STOP " + pid).text();
      // More than its connection holds: it does not even take the question.
      for (int i = 0; i < 12; i++) {
        sandbox.env().set("LARGE" + i, "x".repeat(100_000));
      }
      try (DenoRepl repl = sandbox.deno().repl()) {
        assertThat(repl.pid()).isNotEqualTo(pid);
        assertThat(repl.eval("Deno.env.get('LARGE11').length")).isEqualTo(100_000L);
      }
      await().until(() -> sandbox.sh(WAITING).text().isEmpty());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        // Of one's own, further ahead on PATH.
        """
        mkdir -p ~/.local/bin
        printf '#!/bin/sh\nOTHER=yes exec /usr/local/bin/deno "$@"\n' > ~/.local/bin/deno
        chmod +x ~/.local/bin/deno
        """,
        // In the place of the one that there was, of the same size and date.
        """
        sudo cp -p /usr/local/bin/deno /usr/local/bin/.deno
        sudo mv /usr/local/bin/.deno /usr/local/bin/deno
        """
      })
  void whereAnotherDenoIsFoundThatOneIsStarted(String installation) throws Exception {
    try (Sandbox sandbox = warm()) {
      int pid = waiting(sandbox);
      sandbox.sh(installation).text();
      try (DenoRepl repl = sandbox.deno().repl()) {
        assertThat(repl.pid()).isNotEqualTo(pid);
        assertThat(repl.eval("Deno.env.get('OTHER') ?? ''"))
            .isEqualTo(installation.contains("OTHER") ? "yes" : "");
      }
    }
  }

  @Test
  void aPausedSandboxSaysThatItIsAndTheOneThatWaitedIsThereLater() throws Exception {
    try (Sandbox sandbox = warm()) {
      int pid = waiting(sandbox);
      sandbox.pause();
      assertThatExceptionOfType(SandboxPausedException.class)
          .isThrownBy(() -> sandbox.deno().repl());
      assertThatExceptionOfType(SandboxPausedException.class)
          .isThrownBy(() -> sandbox.deno().eval("6 * 7"));
      sandbox.resume();
      try (DenoRepl repl = sandbox.deno().repl()) {
        assertThat(repl.pid()).isEqualTo(pid);
        assertThat(repl.eval("6 * 7")).isEqualTo(42L);
      }
    }
  }

  @Test
  void aMachineThatIsTakenWhileDenoStartsHasNone() throws Exception {
    for (int i = 0; i < 5; i++) {
      await().atMost(Duration.ofSeconds(60)).until(() -> pool.status().waiting() > 0);
      Thread.sleep(i * 100L);
      try (Sandbox sandbox = Sandbox.create()) {
        assertThat(sandbox.deno().eval("6 * 7")).isEqualTo(42L);
        await().until(() -> sandbox.sh(WAITING).text().isEmpty());
      }
    }
  }
}
