import { type ChildProcess } from "@deno/sandbox";
import {
  afterClose,
  assert,
  bytes,
  fails,
  failsWith,
  failureOf,
  type Ground,
  pause,
  stop,
  text,
  until,
  works,
} from "./harness.ts";

const PIPED = { stdout: "piped", stderr: "piped" } as const;

/** Answers with what it was sent. */
const ECHO = `
Deno.serve(async (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/moved") return new Response(null, { status: 302, headers: { location: "/after" } });
  if (pathname === "/none") return new Response(null, { status: 204 });
  if (pathname === "/slow") await new Promise((done) => setTimeout(done, 60_000));
  if (pathname === "/large") return new Response(new Uint8Array(5_000_000).fill(7));
  if (pathname === "/endless") {
    return new Response(new ReadableStream({ async pull(c) { c.enqueue(new Uint8Array(1000)); await new Promise((d) => setTimeout(d, 10)); } }));
  }
  const body = await request.text();
  return new Response(\`\${request.method} \${pathname} \${request.headers.get("x-asked")} \${body}\`, {
    status: 201,
    headers: [["x-answered", "yes"], ["set-cookie", "a=1"], ["set-cookie", "b=2"]],
  });
});
`;

async function echo(t: Ground) {
  const program = await t.sandbox.deno.run({ code: ECHO, ...PIPED });
  assert.equal(await program.httpReady, true);
  return program;
}

works("SandboxDeno.run", "code, with arguments and environment", async (t) => {
  const program = await t.sandbox.deno.run({
    code:
      `const who: string = Deno.args[0]; console.log(who, Deno.env.get("WHERE"), Deno.cwd()); console.error("err"); Deno.exit(7);`,
    scriptArgs: ["an argument"],
    env: { WHERE: "here" },
    cwd: t.dir,
    ...PIPED,
  });
  const { status, stdoutText, stderrText } = await program.output();
  assert.deepEqual([stdoutText, status.code], [`an argument here ${t.dir}\n`, 7]);
  assert.match(stderrText!, /err/);
});
works("SandboxDeno.run", "JavaScript and JSX", async (t) => {
  const js = await t.sandbox.deno.run({
    code: "console.log(typeof require, import.meta.main)",
    extension: "mjs",
    ...PIPED,
  });
  assert.equal((await js.output()).stdoutText, "undefined true\n");
});
works("SandboxDeno.run", "an entrypoint", async (t) => {
  await t.sandbox.fs.writeTextFile(`${t.dir}/part.ts`, "export const part: number = 41;");
  await t.sandbox.fs.writeTextFile(`${t.dir}/main.ts`, 'import { part } from "./part.ts"; console.log(part + 1);');
  const program = await t.sandbox.deno.run({ entrypoint: `${t.dir}/main.ts`, ...PIPED });
  assert.equal((await program.output()).stdoutText, "42\n");
});
works("SandboxDeno.run", "a relative entrypoint, and input", async (t) => {
  await t.sandbox.fs.writeTextFile(
    `${t.dir}/main.ts`,
    "for await (const c of Deno.stdin.readable) await Deno.stdout.write(c);",
  );
  const program = await t.sandbox.deno.run({ entrypoint: "main.ts", cwd: t.dir, stdin: "piped", ...PIPED });
  const writer = program.stdin!.getWriter();
  await writer.write(bytes("through"));
  await writer.close();
  assert.equal((await program.output()).stdoutText, "through");
});
works("SandboxDeno.run", "watch starts it again when its file changes", async (t) => {
  const main = `${t.dir}/main.ts`;
  await t.sandbox.fs.writeTextFile(main, 'console.log("first"); setInterval(() => {}, 1000);');
  const program = await t.sandbox.deno.run({ entrypoint: main, watch: true, ...PIPED });
  let restarts = 0;
  program.addEventListener("restart", () => restarts++);
  const printed = collect(program);
  await until("the first run", () => printed().includes("first"));
  // Deno begins to watch somewhat after the program has begun to run.
  await until("the second run", async () => {
    await t.sandbox.fs.writeTextFile(main, 'console.log("second"); setInterval(() => {}, 1000);');
    await pause(1000);
    return printed().includes("second");
  });
  await until("the event", () => restarts > 0);
  await stop(program);
});
works("SandboxDeno.run", "an aborted signal ends it", async (t) => {
  const controller = new AbortController();
  const program = await t.sandbox.deno.run({
    code: "setInterval(() => {}, 1000)",
    signal: controller.signal,
    ...PIPED,
  });
  controller.abort();
  assert.equal((await program.status).signal, "SIGTERM");
});
fails("SandboxDeno.run", "an entrypoint that is not there", async (t) => {
  const program = await t.sandbox.deno.run({ entrypoint: `${t.missing}.ts`, ...PIPED });
  const { status, stderrText } = await program.output();
  assert.equal(status.code, 1);
  assert.match(stderrText!, /Module not found/);
});
fails("SandboxDeno.run", "code that does not parse", async (t) => {
  const program = await t.sandbox.deno.run({ code: "const = 1;", ...PIPED });
  const { status, stderrText } = await program.output();
  assert.equal(status.success, false);
  assert.match(stderrText!, /error/);
});
fails(
  "SandboxDeno.run",
  "no such directory",
  (t) =>
    failsWith(() => t.sandbox.deno.run({ code: "1", cwd: t.missing, ...PIPED }), {
      type: Deno.errors.NotFound,
      code: "ENOENT",
    }),
);

/** What the process has printed so far. */
function collect(child: ChildProcess): () => string {
  let printed = "";
  child.stdout!.pipeTo(new WritableStream({ write: (chunk) => void (printed += text(chunk)) })).catch(() => {});
  return () => printed;
}

works("SandboxDeno.eval", "the last value, TypeScript, await", async (t) => {
  assert.equal(await t.sandbox.deno.eval("const a: number = 40; await Promise.resolve(a + 2)"), 42);
  assert.deepEqual(await t.sandbox.deno.eval("({ a: [1, 'zwei', null, true], b: { c: 1.5 } })"), {
    a: [1, "zwei", null, true],
    b: { c: 1.5 },
  });
});
fails(
  "SandboxDeno.eval",
  "what is thrown",
  (t) =>
    failsWith(() => t.sandbox.deno.eval("throw new RangeError('too far')"), { type: RangeError, message: "too far" }),
);
fails(
  "SandboxDeno.eval",
  "what does not parse",
  (t) => failsWith(() => t.sandbox.deno.eval("const = 1"), { type: SyntaxError }),
);

works("SandboxDeno.repl", "starts with arguments and environment", async (t) => {
  await using repl = await t.sandbox.deno.repl({ scriptArgs: ["x"], env: { IN_REPL: "yes" }, cwd: t.dir, ...PIPED });
  assert.deepEqual(await repl.eval("[Deno.args, Deno.env.get('IN_REPL'), Deno.cwd()]"), [["x"], "yes", t.dir]);
});
fails(
  "SandboxDeno.repl",
  "no such directory",
  (t) =>
    failsWith(() => t.sandbox.deno.repl({ cwd: t.missing, ...PIPED }), { type: Deno.errors.NotFound, code: "ENOENT" }),
);

fails("SandboxDeno.deploy", "is not offered", async (t) => {
  const e = await failsWith(() => t.sandbox.deno.deploy("my-app"), { name: "DeployError" });
  assert.match(e.message, /501 .*NOT_SUPPORTED/);
});

works("DenoProcess.httpReady", "true once it listens", async (t) => {
  const program = await echo(t);
  await stop(program);
});
works("DenoProcess.httpReady", "false if it ends first", async (t) => {
  const program = await t.sandbox.deno.run({ code: "console.log(1)", ...PIPED });
  assert.equal(await program.httpReady, false);
});

works("DenoProcess.fetch", "method, headers and body, there and back", async (t) => {
  const program = await echo(t);
  const response = await program.fetch("http://localhost/path", {
    method: "PUT",
    headers: { "x-asked": "so" },
    body: "hallo",
  });
  assert.deepEqual([response.status, response.statusText], [201, "Created"]);
  assert.equal(await response.text(), "PUT /path so hallo");
  assert.equal(response.headers.get("x-answered"), "yes");
  await stop(program);
});
works("DenoProcess.fetch", "whatever host the URL names", async (t) => {
  const program = await echo(t);
  assert.equal(await (await program.fetch("https://example.com/secure")).text(), "GET /secure null ");
  await stop(program);
});
works("DenoProcess.fetch", "redirects are followed, or not", async (t) => {
  const program = await echo(t);
  assert.equal(await (await program.fetch("http://localhost/moved")).text(), "GET /after null ");
  const manual = await program.fetch("http://localhost/moved", { redirect: "manual" });
  assert.deepEqual([manual.status, manual.headers.get("location")], [302, "/after"]);
  await stop(program);
});
works("DenoProcess.fetch", "no body, and a large one", async (t) => {
  const program = await echo(t);
  const none = await program.fetch("http://localhost/none");
  assert.deepEqual([none.status, none.body], [204, null]);
  const large = new Uint8Array(await (await program.fetch("http://localhost/large")).arrayBuffer());
  assert.deepEqual([large.length, large[4_999_999]], [5_000_000, 7]);
  await stop(program);
});
works("DenoProcess.fetch", "a body that is given up", async (t) => {
  const program = await echo(t);
  const { body } = await program.fetch("http://localhost/endless");
  const reader = body!.getReader();
  assert.ok((await reader.read()).value!.length > 0);
  await reader.cancel(new Error("enough"));
  assert.equal((await program.fetch("http://localhost/none")).status, 204);
  await stop(program);
});
works("DenoProcess.fetch", "a body from a stream", async (t) => {
  const program = await echo(t);
  const body = ReadableStream.from(["a", "b", "c"]).pipeThrough(new TextEncoderStream());
  const response = await program.fetch("http://localhost/", { method: "POST", body });
  assert.equal(await response.text(), "POST / null abc");
  await stop(program);
});
fails("DenoProcess.fetch", "aborted", async (t) => {
  const program = await echo(t);
  const e = await failureOf(() => program.fetch("http://localhost/slow", { signal: AbortSignal.timeout(300) }));
  assert.equal(e.name, "AbortError");
  await stop(program);
});
fails("DenoProcess.fetch", "aborted while the answer comes", async (t) => {
  const program = await echo(t);
  const controller = new AbortController();
  const response = await program.fetch("http://localhost/endless", { signal: controller.signal });
  const reader = response.body!.getReader();
  await reader.read();
  controller.abort();
  const e = await failureOf(async () => {
    while (!(await reader.read()).done);
  });
  assert.equal(e.name, "AbortError");
  await stop(program);
});
fails("DenoProcess.fetch", "a program that does not listen", async (t) => {
  const program = await t.sandbox.deno.run({ code: "await new Promise((d) => setTimeout(d, 100))", ...PIPED });
  await program.status;
  await failsWith(() => program.fetch("http://localhost/"), { type: TypeError });
});

works("Sandbox.fetch", "out of the sandbox's network", async (t) => {
  const response = await t.sandbox.fetch("https://api.coingecko.com/api/v3/ping");
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { gecko_says: "(V3) To the Moon!" });
});
works("Sandbox.fetch", "an answer that is an error", async (t) => {
  const response = await t.sandbox.fetch(new URL("https://api.coingecko.com/nothing"), { headers: { accept: "*/*" } });
  assert.equal(response.status, 404);
  assert.match(await response.text(), /error/);
});
fails(
  "Sandbox.fetch",
  "a host that does not exist",
  (t) => failsWith(() => t.sandbox.fetch("http://host.invalid/"), { type: TypeError }),
);
fails("Sandbox.fetch", "aborted before", async (t) => {
  const program = await echo(t);
  await stop(program);
  const closed = await t.closed();
  await afterClose(() => closed.fetch("http://host.invalid/"));
});
