// Runs all cases and writes one line of JSON for each to the file that is named first; the sandboxes are those of the
// server that the environment names. Names after it choose the functions that begin so.
import { cases, Ground } from "./harness.ts";
import { missingCases } from "./inventory.ts";
import "./fs.ts";
import "./files.ts";
import "./process.ts";
import "./command.ts";
import "./env.ts";
import "./deno.ts";
import "./repl.ts";
import "./sandbox.ts";
import "./client.ts";
import "./storage.ts";
import "./checkpoint.ts";
import { Sandbox } from "@deno/sandbox";

const PATIENCE = 60_000;

const [file, ...chosen] = Deno.args;
const results = await Deno.open(file, { write: true, create: true, truncate: true });
const encoder = new TextEncoder();

async function report(result: Record<string, unknown>) {
  await results.write(encoder.encode(JSON.stringify(result) + "\n"));
}

function limited(work: Promise<void> | void): Promise<void> {
  let timer = 0;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Not done within ${PATIENCE / 1000} s.`)), PATIENCE);
  });
  return Promise.race([Promise.resolve(work), late]).finally(() => clearTimeout(timer));
}

const stray: unknown[] = [];
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  stray.push(event.reason);
});

globalThis.addEventListener("error", (event) => {
  event.preventDefault();
  stray.push(event.error);
});

const root = await Deno.makeTempDir({ prefix: "belljar-conformance-" });
let sandbox: Sandbox | undefined;
let number = 0;
try {
  for (const { fn, kind, name, body } of cases) {
    if (chosen.length > 0 && !chosen.some((prefix) => fn.startsWith(prefix))) continue;
    const begin = performance.now();
    let error: string | null = null;
    sandbox ??= await Sandbox.create({ labels: { suite: "shared" }, timeout: "25m" });
    try {
      const dir = `${root}/${++number}`;
      await Deno.mkdir(dir);
      await sandbox.fs.mkdir(dir, { recursive: true });
      await limited(body(new Ground(sandbox, dir)));
      const [unhandled] = stray.splice(0);
      if (unhandled !== undefined) throw new Error("A promise was rejected unseen", { cause: unhandled });
    } catch (e) {
      error = Deno.inspect(e, { colors: false });
      stray.length = 0;
      if (!(await alive(sandbox))) sandbox = undefined;
    }
    await report({ fn, kind, name, ms: Math.round(performance.now() - begin), error });
  }
  if (chosen.length === 0 && sandbox) {
    const missing = missingCases(sandbox, cases);
    await report({
      fn: "(all)",
      kind: "works",
      name: "every public function has a normal and a failing case",
      ms: 0,
      error: missing.length === 0 ? null : `without a case: ${missing.join(", ")}`,
    });
  }
} finally {
  await sandbox?.kill().catch(() => {});
  await Deno.remove(root, { recursive: true });
  results.close();
}
Deno.exit(0);

async function alive(shared: Sandbox | undefined): Promise<boolean> {
  try {
    await limited(shared?.env.get("PATH").then(() => {}));
    return shared !== undefined;
  } catch {
    return false;
  }
}
