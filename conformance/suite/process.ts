import { type ChildProcess, Sandbox } from "@deno/sandbox";
import { afterClose, assert, bytes, fails, failsWith, failureOf, pause, stop, text, until, works } from "./harness.ts";

const PIPED = { stdout: "piped", stderr: "piped" } as const;

works("Sandbox.spawn", "arguments, environment and directory", async (t) => {
  const child = await t.sandbox.spawn("sh", {
    args: ["-c", 'printf "%s|%s|%s|" "$0" "$NAME" "$PWD"', "an argument with 'quotes'"],
    env: { NAME: "värde" },
    cwd: t.dir,
    ...PIPED,
  });
  assert.equal((await child.output()).stdoutText, `an argument with 'quotes'|värde|${t.dir}|`);
});
works("Sandbox.spawn", "an empty environment", async (t) => {
  const child = await t.sandbox.spawn("/usr/bin/env", { clearEnv: true, env: { ONLY: "this" }, stdout: "piped" });
  const lines = (await child.output()).stdoutText!.trim().split("\n");
  assert.deepEqual(lines.filter((line) => !line.startsWith("PATH=")), ["ONLY=this"]);
});
works("Sandbox.spawn", "an aborted signal ends it with SIGTERM", async (t) => {
  const controller = new AbortController();
  const child = await t.sandbox.spawn("sleep", { args: ["100"], signal: controller.signal });
  controller.abort();
  assert.deepEqual(await child.status, { success: false, code: 143, signal: "SIGTERM", oom: false });
});
works("Sandbox.spawn", "many at once, each with its own output", async (t) => {
  const outputs = await Promise.all(Array.from({ length: 20 }, async (_, i) => {
    const child = await t.sandbox.spawn("sh", { args: ["-c", `echo ${i}; echo ${-i} >&2; exit ${i}`], ...PIPED });
    const { status, stdoutText, stderrText } = await child.output();
    return [status.code, stdoutText, stderrText];
  }));
  assert.deepEqual(outputs, Array.from({ length: 20 }, (_, i) => [i, `${i}\n`, `${-i}\n`]));
});
fails("Sandbox.spawn", "no such program", (t) =>
  failsWith(() => t.sandbox.spawn("no-such-program"), {
    type: Deno.errors.NotFound,
    code: "ENOENT",
    message: "Failed to spawn 'no-such-program': entity not found",
  }));
fails(
  "Sandbox.spawn",
  "no such directory",
  (t) =>
    failsWith(() => t.sandbox.spawn("/usr/bin/true", { cwd: t.missing }), {
      type: Deno.errors.NotFound,
      code: "ENOENT",
      message: `Failed to spawn '/usr/bin/true': No such cwd '${t.missing}'`,
    }),
);
fails("Sandbox.spawn", "a file that is no program", async (t) => {
  const path = await t.file();
  await failsWith(() => t.sandbox.spawn(path), {
    type: Deno.errors.PermissionDenied,
    code: "EACCES",
    message: `Failed to spawn '${path}': Permission denied (os error 13)`,
  });
});
fails("Sandbox.spawn", "on a closed connection", async (t) => {
  const closed = await t.closed();
  await afterClose(() => closed.spawn("true"));
});

works("ChildProcess.pid", "is that of the sandbox", async (t) => {
  const child = await t.sandbox.spawn("sh", { args: ["-c", "echo $$; exec sleep 0"], stdout: "piped" });
  assert.equal(Number((await child.output()).stdoutText), child.pid);
});

works("ChildProcess.stdin", "goes through, until it is closed", async (t) => {
  const child = await t.sandbox.spawn("cat", { stdin: "piped", stdout: "piped" });
  const writer = child.stdin!.getWriter();
  await writer.write(bytes("one "));
  await writer.write(bytes("two"));
  await writer.close();
  const { status, stdoutText } = await child.output();
  assert.deepEqual([status.code, stdoutText], [0, "one two"]);
});
works("ChildProcess.stdin", "is null unless it is piped", async (t) => {
  const child = await t.sandbox.spawn("cat", { stdout: "piped" });
  assert.equal(child.stdin, null);
  assert.equal((await child.output()).stdoutText, "");
});
works("ChildProcess.stdin", "10 MB through a process, both ways", async (t) => {
  const child = await t.sandbox.spawn("cat", { stdin: "piped", stdout: "piped" });
  const data = crypto.getRandomValues(new Uint8Array(50_000));
  const whole = Promise.all([child.output(), feed(child, data, 200)]);
  const { stdout } = (await whole)[0];
  assert.equal(stdout!.length, 10_000_000);
  assert.deepEqual(stdout!.slice(9_950_000), data);
});
fails("ChildProcess.stdin", "of a process that has ended", async (t) => {
  const child = await t.sandbox.spawn("true", { stdin: "piped" });
  await child.status;
  const writer = child.stdin!.getWriter();
  writer.closed.catch(() => {});
  await until("writing is refused", async () => {
    const refused = writer.write(bytes("x")).then(() => false, () => true);
    return await Promise.race([refused, pause(100).then(() => false)]);
  });
});

async function feed(child: ChildProcess, data: Uint8Array<ArrayBuffer>, times: number) {
  const writer = child.stdin!.getWriter();
  for (let i = 0; i < times; i++) await writer.write(data);
  await writer.close();
}

for (const name of ["stdout", "stderr"] as const) {
  const to = name === "stdout" ? "" : ">&2";
  works(`ChildProcess.${name}`, "comes while the process runs", async (t) => {
    const child = await t.sandbox.spawn("sh", { args: ["-c", `echo now ${to}; sleep 60`], ...PIPED });
    const { value } = await child[name]!.getReader().read();
    assert.equal(text(value!), "now\n");
    await stop(child);
  });
  works(`ChildProcess.${name}`, "is null unless it is piped", async (t) => {
    const child = await t.sandbox.spawn("true", { stdout: "null", stderr: "null" });
    assert.equal(child[name], null);
    await child.status;
  });
  fails(`ChildProcess.${name}`, "may be given up; the process goes on", async (t) => {
    const child = await t.sandbox.spawn("sh", {
      args: ["-c", `for i in $(seq 20); do echo $i ${to}; done; sleep 0.3; echo late ${to}; exit 5`],
      ...PIPED,
    });
    await child[name]!.cancel(new Error("no more"));
    const { code, signal } = await child.status;
    assert.ok(code === 5 || signal === "SIGPIPE", `${code} ${signal}`);
  });
}

works("ChildProcess.status", "success, code and signal", async (t) => {
  const good = await t.sandbox.spawn("true");
  assert.deepEqual(await good.status, { success: true, code: 0, signal: null, oom: false });
  const bad = await t.sandbox.spawn("sh", { args: ["-c", "exit 77"] });
  assert.deepEqual(await bad.status, { success: false, code: 77, signal: null, oom: false });
  const ugly = await t.sandbox.spawn("sh", { args: ["-c", "kill -QUIT $$"] });
  const { success, code, signal } = await ugly.status;
  assert.deepEqual({ success, code, signal }, { success: false, code: 131, signal: "SIGQUIT" });
});
works("ChildProcess.status", "says that memory ran out", async (t) => {
  const child = await t.sandbox.spawn("node", {
    args: ["-e", "const a = []; for (;;) a.push(Buffer.alloc(16 << 20, 1));"],
    ...PIPED,
  });
  const { status } = await child.output();
  assert.deepEqual([status.success, status.signal, status.oom], [false, "SIGKILL", true]);
});
fails("ChildProcess.status", "when the connection is cut", (t) =>
  t.cutOff(async (sandbox) => {
    const child = await sandbox.spawn("sleep", { args: ["5"] });
    return () => child.status;
  }));

works("ChildProcess.kill", "with SIGTERM, and with what is asked", async (t) => {
  const one = await t.sandbox.spawn("sleep", { args: ["100"] });
  await one.kill();
  assert.equal((await one.status).signal, "SIGTERM");
  const two = await t.sandbox.spawn("sleep", { args: ["100"] });
  await two.kill("SIGUSR1");
  assert.deepEqual(await two.status, { success: false, code: 138, signal: "SIGUSR1", oom: false });
});
works("ChildProcess.kill", "a process that handles the signal", async (t) => {
  const child = await t.sandbox.spawn("bash", {
    args: ["-c", "trap 'echo caught; exit 9' HUP; echo ready; while :; do sleep 0.05; done"],
    stdout: "piped",
  });
  const reader = child.stdout!.getReader();
  assert.equal(text((await reader.read()).value!), "ready\n");
  await child.kill("SIGHUP");
  assert.equal(text((await reader.read()).value!), "caught\n");
  assert.equal((await child.status).code, 9);
});
works("ChildProcess.kill", "a process that has ended is no error", async (t) => {
  const child = await t.sandbox.spawn("true");
  await child.status;
  await child.kill();
});
fails("ChildProcess.kill", "with no signal of this world", async (t) => {
  const child = await t.sandbox.spawn("sleep", { args: ["100"] });
  await failsWith(() => child.kill("SIGNOPE" as "SIGTERM"), { type: TypeError, message: "Invalid signal: SIGNOPE" });
  await stop(child);
});

works("ChildProcess.output", "both streams and the status", async (t) => {
  const child = await t.sandbox.spawn("sh", { args: ["-c", "printf out; printf err >&2; exit 4"], ...PIPED });
  const output = await child.output();
  assert.deepEqual([output.stdoutText, output.stderrText, output.status.code], ["out", "err", 4]);
  assert.deepEqual(output.stdout, bytes("out"));
});
works("ChildProcess.output", "null for what is not piped", async (t) => {
  const child = await t.sandbox.spawn("echo", { args: ["x"], stdout: "null", stderr: "null" });
  const output = await child.output();
  assert.deepEqual([output.stdout, output.stderrText], [null, null]);
});
works("ChildProcess.output", "20 MB", async (t) => {
  const child = await t.sandbox.spawn("head", { args: ["-c", "20000000", "/dev/zero"], stdout: "piped" });
  assert.equal((await child.output()).stdout!.length, 20_000_000);
});
fails("ChildProcess.output", "when the connection is cut", (t) =>
  t.cutOff(async (sandbox) => {
    const child = await sandbox.spawn("sleep", { args: ["5"] });
    return () => child.output();
  }));

works("ChildProcess.[Symbol.asyncDispose]", "ends the process", async (t) => {
  let kept: ChildProcess;
  {
    await using child = await t.sandbox.spawn("sleep", { args: ["100"] });
    kept = child;
  }
  assert.equal((await kept.status).signal, "SIGTERM");
});
fails("ChildProcess.[Symbol.asyncDispose]", "on a closed connection", (t) =>
  t.cutOff(async (sandbox) => {
    const child = await sandbox.spawn("sleep", { args: ["5"] });
    return () => child[Symbol.asyncDispose]();
  }));

works("Sandbox.spawn", "a process outlives the connection that started it", async (t) => {
  const other = await Sandbox.connect(t.sandbox.id);
  await other.spawn("sh", { args: ["-c", `sleep 0.5; echo done > ${t.dir}/late`], ...PIPED });
  await other.close();
  await until("the file is there", () => t.sandbox.fs.stat(`${t.dir}/late`).then(() => true, () => false));
});
fails("Sandbox.spawn", "with wrong parameters", async (t) => {
  const e = await failureOf(() => t.sandbox.spawn("true", { args: [1 as unknown as string] }));
  assert.match(e.constructor.name, /Zod/);
});
