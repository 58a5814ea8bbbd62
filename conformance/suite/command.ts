import { KillController, SandboxCommandError } from "@deno/sandbox";
import { afterClose, assert, fails, failsWith, failureOf, pause, text, works } from "./harness.ts";

// In this version of the client each modifier forgets those before it; the cases set one at a time.

const failed = (code: number) => ({ type: SandboxCommandError, name: "SandboxCommandError", code });

works("Sandbox.sh", "text, with everything quoted", async (t) => {
  const odd = `it's "$HOME" \`x\` \\ ; & 世界`;
  assert.equal(await t.sandbox.sh`printf %s ${odd}`.text(), odd);
  assert.equal(await t.sandbox.sh`printf '%s,' ${["a b", "c"]}`.text(), "a b,c,");
});
works("Sandbox.sh", "pipes, variables and loops", async (t) => {
  assert.equal(await t.sandbox.sh`for i in 3 1 2; do echo $i; done | sort | tr -d '\n'`.text(), "123");
});
fails(
  "Sandbox.sh",
  "an exit code becomes an error",
  (t) => failsWith(() => t.sandbox.sh`exit 3`, { ...failed(3), message: "Command failed with exit code 3" }),
);
fails(
  "Sandbox.sh",
  "no such command",
  (t) => failsWith(() => t.sandbox.sh`no-such-command`.stderr("piped"), failed(127)),
);
fails(
  "Sandbox.sh",
  "an object as an argument",
  (t) => failsWith(() => t.sandbox.sh`echo ${{}}`, { type: Error, message: "Cannot use objects as shell arguments" }),
);

works("SandboxCommandBuilder.noThrow", "gives the result", async (t) => {
  const { status } = await t.sandbox.sh`exit 3`.noThrow();
  assert.deepEqual([status.success, status.code], [false, 3]);
});
fails(
  "SandboxCommandBuilder.noThrow",
  "turned off",
  (t) => failsWith(() => t.sandbox.sh`exit 4`.noThrow(false), failed(4)),
);

works("SandboxCommandBuilder.sudo", "is root", async (t) => {
  await t.sandbox.sh`id -u > ${t.dir}/uid`.sudo();
  await t.sandbox.sh`touch /etc/made-by-root`.sudo();
  assert.equal(await t.sandbox.fs.readTextFile(`${t.dir}/uid`), "0\n");
  assert.equal((await t.sandbox.fs.stat("/etc/made-by-root")).uid, 0);
});
fails(
  "SandboxCommandBuilder.sudo",
  "the command's own code",
  (t) => failsWith(() => t.sandbox.sh`ls ${t.missing}`.sudo(), failed(2)),
);

works("SandboxCommandBuilder.cwd", "is where it runs", async (t) => {
  await t.sandbox.sh`pwd > here`.cwd(t.dir);
  assert.equal(await t.sandbox.fs.readTextFile(`${t.dir}/here`), `${t.dir}\n`);
});
fails("SandboxCommandBuilder.cwd", "no such directory", (t) =>
  failsWith(() => t.sandbox.sh`pwd`.cwd(t.missing), {
    type: Deno.errors.NotFound,
    code: "ENOENT",
    message: `Failed to spawn 'bash': No such cwd '${t.missing}'`,
  }));

works("SandboxCommandBuilder.env", "is seen by the command", async (t) => {
  await t.sandbox.sh`printf %s "$COLOUR" > ${t.dir}/colour`.env("COLOUR", "grün");
  assert.equal(await t.sandbox.fs.readTextFile(`${t.dir}/colour`), "grün");
});
fails("SandboxCommandBuilder.env", "a name that cannot be", async (t) => {
  const e = await failureOf(() => t.sandbox.sh`true`.env("A=B", "x"));
  assert.match(`${e.constructor.name}: ${e.message}`, /TypeError|RpcError/);
});

works("SandboxCommandBuilder.stdout", "piped", async (t) => {
  const { stdoutText, stderrText } = await t.sandbox.sh`echo out`.stdout("piped");
  assert.deepEqual([stdoutText, stderrText], ["out\n", null]);
});
works("SandboxCommandBuilder.stdout", "null", async (t) => {
  assert.equal((await t.sandbox.sh`echo out`.stdout("null")).stdout, null);
});
fails(
  "SandboxCommandBuilder.stdout",
  "with a failing command",
  (t) =>
    failsWith(() => t.sandbox.sh`echo out; exit 5`.stdout("piped"), {
      ...failed(5),
      message: "Command failed with exit code 5",
    }),
);

works("SandboxCommandBuilder.stderr", "piped", async (t) => {
  assert.equal((await t.sandbox.sh`echo err >&2`.stderr("piped")).stderrText, "err\n");
});
fails(
  "SandboxCommandBuilder.stderr",
  "is told by the error",
  (t) =>
    failsWith(() => t.sandbox.sh`echo why >&2; exit 6`.stderr("piped"), {
      ...failed(6),
      message: "Command failed with exit code 6\nwhy\n",
    }),
);

works("SandboxCommandBuilder.text", "what was printed", async (t) => {
  assert.equal(await t.sandbox.sh`echo ü`.text(), "ü\n");
});
fails(
  "SandboxCommandBuilder.text",
  "of a failing command",
  (t) => failsWith(() => t.sandbox.sh`echo x; false`.text(), failed(1)),
);

works("SandboxCommandBuilder.json", "is parsed", async (t) => {
  assert.deepEqual(await t.sandbox.sh`echo ${'{"a": [1, null]}'}`.json(), { a: [1, null] });
});
fails(
  "SandboxCommandBuilder.json",
  "what is none",
  (t) =>
    failsWith(() => t.sandbox.sh`echo none`.json(), { type: Error, message: /^Failed to parse JSON: .*\nnone\n$/s }),
);

works("SandboxCommandBuilder.result", "status and streams", async (t) => {
  const result = await t.sandbox.sh`echo out`.stdout("piped").result();
  assert.deepEqual([result.status.success, text(result.stdout)], [true, "out\n"]);
});
fails(
  "SandboxCommandBuilder.result",
  "of a failing command",
  (t) => failsWith(() => t.sandbox.sh`false`.result(), failed(1)),
);

works("SandboxCommandBuilder.spawn", "runs without being awaited", async (t) => {
  const child = await t.sandbox.sh`echo > ${t.dir}/started; sleep 0.2; exit 8`.spawn();
  assert.equal((await child.output()).status.code, 8);
});
fails("SandboxCommandBuilder.spawn", "on a closed connection", async (t) => {
  const closed = await t.closed();
  await afterClose(() => closed.sh`true`.spawn());
});

works("SandboxCommandBuilder.then", "is a promise", async (t) => {
  const code = await t.sandbox.sh`exit 2`.noThrow().then(({ status }) => status.code);
  assert.equal(code, 2);
});
fails("SandboxCommandBuilder.then", "rejects", async (t) => {
  const e = await t.sandbox.sh`exit 2`.then(() => null, (reason) => reason);
  assert.ok(e instanceof SandboxCommandError);
});

works("SandboxCommandBuilder.signal", "of a controller", async (t) => {
  const controller = new KillController();
  const running = t.sandbox.sh`sleep 100`.signal(controller.signal);
  const ended = failsWith(() => running, failed(137));
  await pause(500);
  controller.kill("SIGKILL");
  await ended;
});
works("SandboxCommandBuilder.signal", "aborted", async (t) => {
  await failsWith(() => t.sandbox.sh`sleep 100`.signal(AbortSignal.timeout(500)), failed(143));
});
fails(
  "SandboxCommandBuilder.signal",
  "neither kind",
  (t) =>
    failsWith(() => t.sandbox.sh`true`.signal("SIGTERM" as unknown as AbortSignal), {
      type: Error,
      message: "Invalid parameter. Expected a KillSignal or AbortSignal.",
    }),
);

works("KillController.signal", "is not aborted yet", () => {
  const { signal } = new KillController();
  assert.deepEqual([signal.aborted, signal.abortedExitCode], [false, undefined]);
});
works("KillController.kill", "reaches a command that handles it", async (t) => {
  const controller = new KillController();
  const child = await t.sandbox.sh`trap 'exit 9' USR1; echo > ${t.dir}/ready; while :; do sleep 0.05; done`
    .signal(controller.signal).spawn();
  while (!(await t.sandbox.fs.stat(`${t.dir}/ready`).catch(() => null))) await pause(20);
  controller.kill("SIGUSR1");
  assert.equal((await child.output()).status.code, 9);
  assert.equal(controller.signal.aborted, false);
});
fails("KillController.kill", "a command that begins later does not run", async (t) => {
  const controller = new KillController();
  controller.kill("SIGTERM");
  await failsWith(() => t.sandbox.sh`touch ${t.dir}/run`.signal(controller.signal), failed(143));
  await failsWith(() => t.sandbox.fs.stat(`${t.dir}/run`), { type: Deno.errors.NotFound });
});
works("KillSignal.aborted", "after an ending signal", () => {
  const controller = new KillController();
  controller.kill("SIGINT");
  assert.equal(controller.signal.aborted, true);
});
works("KillSignal.abortedExitCode", "is that of the signal", () => {
  const controller = new KillController();
  controller.kill("SIGQUIT");
  assert.equal(controller.signal.abortedExitCode, 131);
});
works("KillSignal.linkChild", "passes on, until it is cut", () => {
  const [parent, child] = [new KillController(), new KillController()];
  const heard: string[] = [];
  child.signal.addListener((signal) => heard.push(signal));
  const link = parent.signal.linkChild(child.signal);
  parent.kill("SIGHUP");
  link.unsubscribe();
  parent.kill("SIGHUP");
  assert.deepEqual(heard, ["SIGHUP"]);
});
works("KillSignal.addListener", "hears each signal", () => {
  const controller = new KillController();
  const heard: string[] = [];
  controller.signal.addListener((signal) => heard.push(signal));
  controller.kill();
  assert.deepEqual(heard, ["SIGTERM"]);
});
works("KillSignal.removeListener", "hears no more", () => {
  const controller = new KillController();
  const listener = () => assert.fail("heard");
  controller.signal.addListener(listener);
  controller.signal.removeListener(listener);
  controller.kill();
});
