import "./deno_classes.ts";
import {
  type ChildProcess,
  ConnectionClosedError,
  type FsFile,
  RpcError,
  Sandbox,
  type SandboxFs,
} from "@deno/sandbox";
import assert from "node:assert/strict";

export { assert };

/** One check of one function of the client. */
export interface Case {
  fn: string;
  kind: "works" | "fails";
  name: string;
  body: (ground: Ground) => Promise<void> | void;
}

export const cases: Case[] = [];

/** Registers a normal case of a function, named `Class.member` as the client's declarations name it. */
export function works(fn: string, name: string, body: Case["body"]) {
  cases.push({ fn, kind: "works", name, body });
}

/** Registers a case that must fail in a certain way. */
export function fails(fn: string, name: string, body: Case["body"]) {
  cases.push({ fn, kind: "fails", name, body });
}

/** Deno's own functions and those of a sandbox, as far as they are the same. */
export type Files = SandboxFs;

const here = Deno as unknown as Files;

/** What a case stands on: a sandbox that it shares with others, and a directory of its own. */
export class Ground {
  constructor(readonly sandbox: Sandbox, readonly dir: string) {}

  /** Does the same with this Deno and in the sandbox, below a directory that has the same name in both. */
  async alike<T>(act: (files: Files) => Promise<T> | T): Promise<T> {
    const expected = await act(here);
    const actual = await act(this.sandbox.fs);
    assert.deepStrictEqual(actual, expected);
    return actual;
  }

  /** Does the same in both, which must fail in both with the same class, code and words. */
  async alikeFails(act: (files: Files) => Promise<unknown> | unknown) {
    const expected = await failureOf(() => act(here));
    const actual = await failureOf(() => act(this.sandbox.fs));
    assert.deepStrictEqual(describe(actual), describe(expected));
    assert.ok(actual instanceof (expected.constructor as typeof Error), `instanceof ${expected.constructor.name}`);
  }

  /** Prepares both sides. */
  async both(act: (files: Files) => Promise<unknown> | unknown) {
    await act(here);
    await act(this.sandbox.fs);
  }

  /** The path of a file of that name with that content, on both sides. */
  async file(name = "file.txt", text = "0123456789"): Promise<string> {
    const path = `${this.dir}/${name}`;
    await this.both((files) => files.writeTextFile(path, text));
    return path;
  }

  /** A path where nothing is. */
  get missing() {
    return `${this.dir}/missing`;
  }

  /** A second connection to the sandbox, already closed. */
  async closed(): Promise<Sandbox> {
    const other = await Sandbox.connect(this.sandbox.id);
    await other.close();
    return other;
  }

  /** Does something on a connection of its own that is closed once it is under way. */
  async cutOff(act: (sandbox: Sandbox) => Promise<() => Promise<unknown>>) {
    const other = await Sandbox.connect(this.sandbox.id);
    const last = await act(other);
    await other.close();
    await failsWith(last, { type: ConnectionClosedError });
  }
}

interface Failure {
  type?: new (...args: never[]) => Error;
  name?: string;
  code?: unknown;
  status?: number;
  message?: string | RegExp;
}

/** Runs what must fail, and returns how it did. */
export async function failureOf(act: () => unknown): Promise<Error> {
  try {
    await act();
  } catch (e) {
    assert.ok(e instanceof Error, `thrown: ${e}`);
    return e;
  }
  throw new assert.AssertionError({ message: "It did not fail." });
}

/** Runs what must fail in a certain way. */
export async function failsWith(act: () => unknown, how: Failure): Promise<Error> {
  const e = await failureOf(act) as Error & { code?: unknown; status?: number };
  const told = `${e.constructor.name} ${e.code} ${e.status ?? ""}: ${e.message}`;
  if (how.type) assert.ok(e instanceof how.type, `expected ${how.type.name}, not ${told}`);
  if (how.name) assert.equal(e.name, how.name, told);
  if ("code" in how) assert.equal(e.code, how.code, told);
  if (how.status) assert.equal(e.status, how.status, told);
  if (typeof how.message === "string") assert.equal(e.message, how.message);
  else if (how.message) assert.match(e.message, how.message);
  return e;
}

/** Calls with parameters that the protocol does not allow. */
export function invalid(act: () => unknown) {
  return failsWith(act, { type: RpcError, code: -32602 });
}

/** Uses a connection that was closed. */
export function afterClose(act: () => unknown) {
  return failsWith(act, {
    type: ConnectionClosedError,
    message: "Connection to the sandbox was already closed",
  });
}

function describe(e: Error) {
  return { class: e.constructor.name, name: e.name, code: (e as { code?: unknown }).code, message: e.message };
}

/** All of an iterator. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

export const bytes = (text: string) => new TextEncoder().encode(text);
export const text = (data: Uint8Array | null) => new TextDecoder().decode(data ?? new Uint8Array());
export const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** Waits until something holds; fails after half a minute. */
export async function until(what: string, holds: () => Promise<boolean> | boolean) {
  const end = Date.now() + 30_000;
  while (!(await holds())) {
    assert.ok(Date.now() < end, `still not: ${what}`);
    await pause(20);
  }
}

/** Ends a process and what it started, whatever it has come to. */
export async function stop(child: ChildProcess) {
  await child.kill("SIGKILL");
  await child.status;
}

/** Reads the next bytes of a file as text, null at its end. */
export async function readText(file: FsFile, length: number): Promise<string | null> {
  const buffer = new Uint8Array(length);
  const n = await file.read(buffer);
  return n === null ? null : text(buffer.subarray(0, n));
}
