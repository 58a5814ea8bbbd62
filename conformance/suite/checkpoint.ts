// What the client does not know of: sandboxes that stand still, and sandboxes that go on from a checkpoint. Both are asked
// for by plain HTTP; the client uses them as any other.
import { Client, Sandbox } from "@deno/sandbox";
import { assert, fails, failsWith, text, until, works } from "./harness.ts";

const endpoint = new URL(Deno.env.get("DENO_SANDBOX_ENDPOINT")!);
const authorization = `Bearer ${Deno.env.get("DENO_DEPLOY_TOKEN")}`;

async function ask(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(new URL(path, endpoint), {
    method,
    headers: { authorization },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer;
}

const tell = (sandbox: Sandbox, verb: string, body: unknown = {}) =>
  ask("POST", `/api/v3/sandbox/${sandbox.id}/${verb}`, body);

/** Opens the socket that makes a sandbox of a configuration, acts, and closes it. */
async function created(config: unknown, act: (id: string) => Promise<void>) {
  const socket = await Deno.connect({ hostname: endpoint.hostname, port: Number(endpoint.port) });
  try {
    const lines = [
      "GET /api/v3/sandboxes/create HTTP/1.1",
      `Host: ${endpoint.host}`,
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      `Authorization: ${authorization}`,
      `x-deno-sandbox-config: ${btoa(JSON.stringify(config))}`,
    ];
    await socket.write(new TextEncoder().encode(lines.join("\r\n") + "\r\n\r\n"));
    let head = "";
    const buffer = new Uint8Array(4096);
    while (!head.includes("\r\n\r\n")) {
      const n = await socket.read(buffer);
      assert.ok(n, `the server hung up after: ${head}`);
      head += text(buffer.subarray(0, n));
    }
    assert.match(head, /^HTTP\/1.1 101 /);
    await act(/^x-deno-sandbox-id: (\S+)/im.exec(head)![1]);
  } finally {
    socket.close();
  }
}

fails("Sandbox.connect", "calls of one that is paused; afterwards all goes on", async () => {
  const paused = { code: "SANDBOX_PAUSED", message: /paused/ };
  await using sandbox = await Sandbox.create();
  const cat = await sandbox.spawn("cat", { stdin: "piped", stdout: "piped" });
  const repl = await sandbox.deno.repl();
  const file = await sandbox.fs.create("/tmp/open");
  await tell(sandbox, "pause");
  await failsWith(() => sandbox.fs.readTextFile("/etc/hostname"), paused);
  await failsWith(() => sandbox.spawn("true"), paused);
  await failsWith(() => sandbox.sh`true`, paused);
  await failsWith(() => repl.eval("1"), paused);
  await failsWith(() => file.write(new Uint8Array(1)), paused);
  const second = await Sandbox.connect(sandbox.id);
  await failsWith(() => second.fs.readTextFile("/etc/hostname"), paused);
  await second.close();

  await tell(sandbox, "resume");
  const writer = cat.stdin!.getWriter();
  await writer.write(new TextEncoder().encode("through"));
  await writer.close();
  assert.equal((await cat.output()).stdoutText, "through");
  assert.equal(await repl.eval("6 * 7"), 42);
  assert.equal(await file.write(new Uint8Array(1)), 1);
  await file.close();
  await repl.close();
});

works("Sandbox.connect", "to one that goes on from a checkpoint", async () => {
  const slug = `suite-${crypto.randomUUID()}`;
  {
    await using origin = await Sandbox.create();
    await origin.fs.writeTextFile("/tmp/note", "before");
    await tell(origin, "checkpoint", { slug });
    await origin.fs.writeTextFile("/tmp/note", "after");
  }
  try {
    await created({ belljar: { checkpoint: slug }, env: { FORK: "yes" } }, async (id) => {
      await using fork = await Sandbox.connect(id);
      assert.equal(await fork.fs.readTextFile("/tmp/note"), "before");
      assert.equal(await fork.sh`printf %s "$FORK"`.text(), "yes");
      assert.equal(await fork.deno.eval("1 + 1"), 2);
      const listed = await new Client().sandboxes.list();
      assert.equal(listed.find((each) => each.id === id)?.status, "running");
      await fork.kill();
      await until("the fork has ended", async () =>
        (await new Client().sandboxes.list())
          .every((each) => each.id !== id || each.status === "stopped"));
    });
  } finally {
    await ask("DELETE", `/api/v2/checkpoints/${slug}`);
  }
});
