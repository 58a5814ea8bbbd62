import {
  Client,
  ConnectionClosedError,
  ConnectionEstablishmentError,
  InvalidMemoryError,
  InvalidTimeoutError,
  InvalidTokenError,
  MissingTokenError,
  Sandbox,
  SandboxKillError,
} from "@deno/sandbox";
import { inspect } from "node:util";
import { afterClose, assert, bytes, fails, failsWith, failureOf, until, works } from "./harness.ts";

const ID = /^sbx_[a-z]{3}_[0-9a-hjkmnp-z]{20}$/;
const UNKNOWN = "sbx_loc_00000000000000000000";

async function ended(id: string): Promise<boolean> {
  return (await new Client().sandboxes.list()).every((each) => each.id !== id || each.status === "stopped");
}

works("Sandbox.create", "with memory, labels and environment", async () => {
  await using sandbox = await Sandbox.create({
    memory: "1GiB",
    labels: { purpose: "create" },
    env: { ONE: "1", TWO: "zwei ü" },
  });
  assert.match(sandbox.id, ID);
  assert.deepEqual([await sandbox.env.get("ONE"), await sandbox.env.get("TWO")], ["1", "zwei ü"]);
  const kib = Number(await sandbox.sh`awk '/MemTotal/ { print $2 }' /proc/meminfo`.text());
  assert.ok(kib > 800 << 10 && kib <= 1024 << 10, `${kib} KiB`);
  const listed = await new Client().sandboxes.list({ labels: { purpose: "create" } });
  assert.deepEqual(listed.find(({ id }) => id === sandbox.id)?.labels, { purpose: "create" });
});
works("Sandbox.create", "reaches only what is allowed", async () => {
  await using sandbox = await Sandbox.create({ allowNet: ["example.com"] });
  const { status } = await sandbox.sh`curl -sS -m 5 https://api.coingecko.com/api/v3/ping`.noThrow();
  assert.notEqual(status.code, 0);
});
works("Sandbox.create", "with a secret that its programs do not see", async () => {
  await using sandbox = await Sandbox.create({
    secrets: { KEY: { hosts: ["api.example.com"], value: "the-value-itself" } },
  });
  const seen = await sandbox.sh`printf %s "$KEY"`.text();
  assert.ok(seen.length > 20 && !seen.includes("the-value-itself"), seen);
});
works("Sandbox.create", "a session ends with its connection", async () => {
  const sandbox = await Sandbox.create({ timeout: "session" });
  await sandbox.close();
  await until("the sandbox has ended", () => ended(sandbox.id));
});
works("Sandbox.create", "one with a lifetime outlives its connection", async () => {
  const sandbox = await Sandbox.create({ timeout: "2m" });
  await sandbox.fs.writeTextFile("/tmp/kept", "kept");
  await sandbox.close();
  await using again = await Sandbox.connect(sandbox.id);
  assert.equal(await again.fs.readTextFile("/tmp/kept"), "kept");
  await again.kill();
});
works("Sandbox.create", "ends when its time is over", async () => {
  const sandbox = await Sandbox.create({ timeout: "2s" });
  await sandbox.closed;
  await until("the sandbox has ended", () => ended(sandbox.id));
});
works("Sandbox.create", "three in one process, with streams at once", async () => {
  const sandboxes = await Promise.all([1, 2, 3].map(() => Sandbox.create()));
  try {
    const outputs = await Promise.all(
      sandboxes.flatMap((sandbox, which) =>
        Array.from({ length: 4 }, async (_, i) => {
          const child = await sandbox.spawn("cat", { stdin: "piped", stdout: "piped" });
          const writer = child.stdin!.getWriter();
          const line = `${which}.${i};`;
          for (let n = 0; n < 100; n++) await writer.write(bytes(line));
          await writer.close();
          return (await child.output()).stdoutText === line.repeat(100);
        })
      ),
    );
    assert.ok(outputs.every((right) => right), String(outputs));
  } finally {
    await Promise.all(sandboxes.map((sandbox) => sandbox.kill()));
  }
});
fails(
  "Sandbox.create",
  "a wrong token",
  () => failsWith(() => Sandbox.create({ token: "ddo_wrong" }), { type: InvalidTokenError, name: "InvalidTokenError" }),
);
fails("Sandbox.create", "no token", async () => {
  const token = Deno.env.get("DENO_DEPLOY_TOKEN")!;
  Deno.env.delete("DENO_DEPLOY_TOKEN");
  try {
    await failsWith(() => Sandbox.create(), { type: MissingTokenError });
  } finally {
    Deno.env.set("DENO_DEPLOY_TOKEN", token);
  }
});
fails(
  "Sandbox.create",
  "memory that no sandbox has",
  () => failsWith(() => Sandbox.create({ memory: "100MiB" }), { type: InvalidMemoryError }),
);
fails(
  "Sandbox.create",
  "a label that is too long",
  () =>
    failsWith(() => Sandbox.create({ labels: { long: "l".repeat(10_000) } }), {
      type: ConnectionEstablishmentError,
      status: 400,
      code: "INVALID_CONFIG",
    }),
);
fails(
  "Sandbox.create",
  "a time that is none",
  () => failsWith(() => Sandbox.create({ timeout: "1h" as "1m" }), { type: InvalidTimeoutError }),
);
fails("Sandbox.create", "a longer life than is given", () =>
  failsWith(() => Sandbox.create({ timeout: "1000m" }), {
    type: ConnectionEstablishmentError,
    status: 400,
    code: "LIFETIME_LIMIT_EXCEEDED",
  }));
fails(
  "Sandbox.create",
  "too many labels",
  () =>
    failsWith(() => Sandbox.create({ labels: { a: "1", b: "2", c: "3", d: "4", e: "5", f: "6" } }), {
      type: ConnectionEstablishmentError,
      status: 400,
      code: "INVALID_CONFIG",
    }),
);
fails("Sandbox.create", "more than the organization may have", async () => {
  const made: Sandbox[] = [];
  try {
    const e = await failureOf(async () => {
      for (let i = 0; i < 10; i++) made.push(await Sandbox.create({ memory: "768MiB" }));
    }) as ConnectionEstablishmentError;
    assert.deepEqual([e.name, e.status, e.code], ["ConnectionEstablishmentError", 429, "SANDBOX_LIMIT_EXCEEDED"]);
    assert.ok(e.traceId, "a trace id");
  } finally {
    await Promise.all(made.map((sandbox) => sandbox.kill()));
  }
});

works("Sandbox.connect", "by id, and by options", async (t) => {
  await t.sandbox.fs.writeTextFile(`${t.dir}/shared`, "both");
  await using one = await Sandbox.connect(t.sandbox.id);
  await using two = await Sandbox.connect({ id: t.sandbox.id });
  assert.deepEqual([one.id, two.id], [t.sandbox.id, t.sandbox.id]);
  assert.deepEqual(
    await Promise.all([one.fs.readTextFile(`${t.dir}/shared`), two.fs.readTextFile(`${t.dir}/shared`)]),
    ["both", "both"],
  );
});
fails("Sandbox.connect", "an unknown id", () =>
  failsWith(() => Sandbox.connect(UNKNOWN), {
    type: ConnectionEstablishmentError,
    status: 404,
    code: "SANDBOX_NOT_FOUND",
  }));
fails(
  "Sandbox.connect",
  "an id that cannot be",
  () => failsWith(() => Sandbox.connect("sbx_1"), { type: TypeError, message: "Invalid sandbox ID: sbx_1" }),
);
fails("Sandbox.connect", "one that has ended", async () => {
  const sandbox = await Sandbox.create();
  await sandbox.kill();
  await failsWith(() => Sandbox.connect(sandbox.id), {
    type: ConnectionEstablishmentError,
    status: 410,
    code: "SANDBOX_ENDED",
  });
});
fails(
  "Sandbox.connect",
  "a wrong token",
  (t) => failsWith(() => Sandbox.connect({ id: t.sandbox.id, token: "ddo_wrong" }), { type: InvalidTokenError }),
);

works("Sandbox.id", "has the form that clients check", (t) => assert.match(t.sandbox.id, ID));
works("Sandbox.closed", "settles when the connection ends", async (t) => {
  const other = await Sandbox.connect(t.sandbox.id);
  const closed = other.closed;
  await other.close();
  await closed;
});
works("Sandbox.fs", "is there", (t) => assert.equal(typeof t.sandbox.fs.readFile, "function"));
works("Sandbox.deno", "is there", (t) => assert.equal(typeof t.sandbox.deno.run, "function"));
works("Sandbox.env", "is there", (t) => assert.equal(typeof t.sandbox.env.get, "function"));
works("Sandbox.ssh", "is undefined", (t) => assert.equal(t.sandbox.ssh, undefined));
works("Sandbox.url", "is undefined", (t) => assert.equal(t.sandbox.url, undefined));
works(
  "Sandbox.id",
  "is what is shown",
  (t) => assert.match(inspect(t.sandbox), new RegExp(`^Sandbox .*${t.sandbox.id}`, "s")),
);

works("Sandbox.close", "once, and again", async (t) => {
  const other = await Sandbox.connect(t.sandbox.id);
  await other.close();
  await other.close();
});
fails("Sandbox.close", "ends what is under way, and what comes", async (t) => {
  const other = await Sandbox.connect(t.sandbox.id);
  const child = await other.spawn("sleep", { args: ["3"] });
  const status = failureOf(() => child.status);
  await other.close();
  assert.ok(await status instanceof ConnectionClosedError);
  await afterClose(() => other.fs.readFile("/etc/hostname"));
});

works("Sandbox.kill", "ends it for every connection", async () => {
  const sandbox = await Sandbox.create({ timeout: "5m" });
  const other = await Sandbox.connect(sandbox.id);
  await sandbox.kill();
  await other.closed;
  await until("it is listed as stopped", () => ended(sandbox.id));
});
fails("Sandbox.kill", "one that has ended", async () => {
  const sandbox = await Sandbox.create();
  await sandbox.kill();
  const e = await failsWith(() => sandbox.kill(), { type: SandboxKillError, status: 410 }) as SandboxKillError;
  assert.equal(JSON.parse(e.response).code, "SANDBOX_ENDED");
});

works("Sandbox.extendTimeout", "gives what is asked", async () => {
  const sandbox = await Sandbox.create({ timeout: "30s" });
  const until = await sandbox.extendTimeout("10m");
  const minutes = (until.getTime() - Date.now()) / 60_000;
  assert.ok(minutes > 9.5 && minutes < 10.5, `${minutes} minutes`);
  await sandbox.kill();
});
works("Sandbox.extendTimeout", "keeps it running past its first end", async () => {
  const sandbox = await Sandbox.create({ timeout: "2s" });
  await sandbox.extendTimeout("60s");
  await new Promise((done) => setTimeout(done, 3000));
  assert.equal(await sandbox.sh`echo on`.text(), "on\n");
  await sandbox.kill();
});
fails("Sandbox.extendTimeout", "of one that has ended", async () => {
  const sandbox = await Sandbox.create();
  await sandbox.kill();
  await failsWith(() => sandbox.extendTimeout("5m"), {
    type: Error,
    message: /^Failed to extend timeout: 410 .*SANDBOX_ENDED/,
  });
});
fails(
  "Sandbox.extendTimeout",
  "a time that is none",
  (t) => failsWith(() => t.sandbox.extendTimeout("soon" as "1m"), { type: InvalidTimeoutError }),
);

works("Sandbox.[Symbol.asyncDispose]", "closes", async () => {
  let kept: Sandbox;
  {
    await using sandbox = await Sandbox.create();
    kept = sandbox;
  }
  await afterClose(() => kept.env.get("PATH"));
  await until("the session has ended", () => ended(kept.id));
});
fails("Sandbox.[Symbol.asyncDispose]", "what is under way is cut off", (t) =>
  t.cutOff(async (sandbox) => {
    const child = await sandbox.spawn("sleep", { args: ["3"] });
    await sandbox[Symbol.asyncDispose]();
    return () => child.status;
  }));

fails("Sandbox.exposeHttp", "is not offered", (t) =>
  failsWith(() => t.sandbox.exposeHttp({ port: 8000 }), {
    type: Error,
    message: /^Failed to expose HTTP: 501 .*NOT_SUPPORTED/,
  }));
fails(
  "Sandbox.exposeSsh",
  "is not offered",
  (t) => failsWith(() => t.sandbox.exposeSsh(), { type: Error, message: /^Failed to expose SSH: 501 .*NOT_SUPPORTED/ }),
);
fails(
  "Sandbox.exposeVscode",
  "is not offered",
  (t) => failsWith(() => t.sandbox.exposeVscode(), { type: Deno.errors.NotSupported }),
);
fails(
  "Sandbox.exposeVscode",
  "of the root",
  (t) => failsWith(() => t.sandbox.exposeVscode("/"), { type: TypeError, message: "Path cannot be root" }),
);
fails("Sandbox.deploy", "is not offered", async (t) => {
  const e = await failsWith(() => t.sandbox.deploy("my-app"), { name: "DeployError" });
  assert.match(e.message, /501 .*NOT_SUPPORTED/);
});
