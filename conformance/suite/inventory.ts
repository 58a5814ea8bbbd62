// What the client offers, read from the client: a function that a later version adds and that no case calls is noticed.
import {
  ChildProcess,
  Client,
  DenoProcess,
  DenoRepl,
  FsFile,
  KillController,
  KillSignal,
  Sandbox,
  Snapshot,
  Volume,
} from "@deno/sandbox";
import type { Case } from "./harness.ts";

/** What this server refuses, clearly: nothing of it works yet. */
const REFUSED = [
  "Sandbox.exposeHttp",
  "Sandbox.exposeSsh",
  "Sandbox.exposeVscode",
  "Sandbox.deploy",
  "SandboxDeno.deploy",
];

interface Member {
  fn: string;
  /** A getter of a value can hardly fail. */
  fallible: boolean;
}

function members(name: string, type: object): Member[] {
  return Reflect.ownKeys(type)
    .filter((key) => key === Symbol.asyncDispose || (typeof key === "string" && key !== "constructor"))
    .map((key) => ({
      fn: `${name}.${key === Symbol.asyncDispose ? "[Symbol.asyncDispose]" : String(key)}`,
      fallible: typeof Object.getOwnPropertyDescriptor(type, key)?.value === "function",
    }));
}

function statics(name: string, type: object): Member[] {
  return members(name, type).filter(({ fn, fallible }) => fallible && !fn.endsWith(".prototype"));
}

/** Functions that lack a case of one kind. */
export function missingCases(sandbox: Sandbox, cases: Case[]): string[] {
  const prototype = (value: object) => Object.getPrototypeOf(value) as object;
  const offered = [
    ...statics("Sandbox", Sandbox),
    ...members("Sandbox", Sandbox.prototype),
    { fn: "Sandbox.sh", fallible: true },
    ...members("SandboxFs", prototype(sandbox.fs)),
    ...members("FsFile", FsFile.prototype),
    ...members("SandboxDeno", prototype(sandbox.deno)),
    ...members("DenoProcess", DenoProcess.prototype),
    ...members("DenoRepl", DenoRepl.prototype),
    ...members("ChildProcess", ChildProcess.prototype),
    ...members("SandboxCommandBuilder", prototype(sandbox.sh`true`)),
    ...members("SandboxEnv", prototype(sandbox.env)),
    ...members("Client.sandboxes", prototype(new Client().sandboxes)),
    ...members("Client.volumes", prototype(new Client().volumes)),
    ...members("Client.snapshots", prototype(new Client().snapshots)),
    ...statics("Volume", Volume),
    ...members("Volume", Volume.prototype),
    ...statics("Snapshot", Snapshot),
    ...members("Snapshot", Snapshot.prototype),
    ...members("KillController", KillController.prototype),
    ...members("KillSignal", KillSignal.prototype).map(({ fn }) => ({ fn, fallible: false })),
  ];
  const has = (fn: string, kind: Case["kind"]) => cases.some((each) => each.fn === fn && each.kind === kind);
  return offered.flatMap(({ fn, fallible }) => [
    ...(has(fn, "works") || REFUSED.includes(fn) ? [] : [`${fn} (normal)`]),
    ...(!fallible || has(fn, "fails") ? [] : [`${fn} (failing)`]),
  ]);
}
