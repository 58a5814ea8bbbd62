import { afterClose, assert, fails, failsWith, type Ground, works } from "./harness.ts";
import type { DenoRepl } from "@deno/sandbox";

const PIPED = { stdout: "piped", stderr: "piped" } as const;

async function within(t: Ground, act: (repl: DenoRepl) => Promise<void>) {
  const repl = await t.sandbox.deno.repl(PIPED);
  try {
    await act(repl);
  } finally {
    await repl.close();
  }
}

works("DenoRepl.eval", "state lasts", (t) =>
  within(t, async (repl) => {
    await repl.eval("let n = 1; function twice(x: number) { return 2 * x; }");
    await repl.eval("n = twice(n) + 1");
    assert.equal(await repl.eval("n"), 3);
    assert.equal(await repl.eval("const n2 = n; n2"), 3);
  }));
works("DenoRepl.eval", "await, modules and Deno", (t) =>
  within(t, async (repl) => {
    assert.equal(await repl.eval("await new Promise((done) => setTimeout(() => done('late'), 50))"), "late");
    assert.equal(await repl.eval("(await import('node:path')).basename('/a/b')"), "b");
    await repl.eval(`await Deno.writeTextFile("${t.dir}/from-repl", "x")`);
    assert.equal(await t.sandbox.fs.readTextFile(`${t.dir}/from-repl`), "x");
  }));
works("DenoRepl.eval", "values of all kinds", (t) =>
  within(t, async (repl) => {
    const values: [string, unknown][] = [
      ["null", null],
      ["undefined", null],
      ["true", true],
      ["'ü'", "ü"],
      ["-0.5", -0.5],
      ["[]", []],
      ["({ a: { b: [1] } })", { a: { b: [1] } }],
      ["new Date(0)", "1970-01-01T00:00:00.000Z"],
    ];
    for (const [code, value] of values) assert.deepEqual((await repl.eval(code)) ?? null, value, code);
  }));
works("DenoRepl.eval", "what it prints goes to its output", async (t) => {
  const repl = await t.sandbox.deno.repl(PIPED);
  await repl.eval("console.log('printed')");
  await repl.close();
  assert.match((await repl.output()).stdoutText!, /printed/);
});
fails("DenoRepl.eval", "what is thrown, with its stack", (t) =>
  within(t, async (repl) => {
    const e = await failsWith(() => repl.eval("(function inner() { throw new TypeError('bad') })()"), {
      type: TypeError,
      message: "bad",
    });
    assert.match(e.stack!, /inner/);
    assert.equal(await repl.eval("1"), 1);
  }));
fails("DenoRepl.eval", "what is thrown, with its code, cause and errors", (t) =>
  within(t, async (repl) => {
    const e = await failsWith(
      () =>
        repl.eval(`throw Object.assign(new AggregateError([new RangeError("one"), new Error("two")], "all"),
          { code: "E_ALL", cause: Object.assign(new TypeError("why"), { code: "E_WHY" }) })`),
      { type: AggregateError, message: "all", code: "E_ALL" },
    ) as AggregateError;
    assert.deepEqual(e.errors.map((one) => [one.constructor, one.message]), [[RangeError, "one"], [Error, "two"]]);
    const cause = e.cause as Error & { code: string };
    assert.deepEqual([cause.constructor, cause.message, cause.code], [TypeError, "why", "E_WHY"]);
  }));
fails("DenoRepl.eval", "what does not parse", (t) =>
  within(t, async (repl) => {
    await failsWith(() => repl.eval("let ="), { type: SyntaxError });
    assert.equal(await repl.eval("2"), 2);
  }));
fails("DenoRepl.eval", "after it was closed", async (t) => {
  const repl = await t.sandbox.deno.repl(PIPED);
  await repl.close();
  await repl.status;
  await failsWith(() => repl.eval("1"), { type: TypeError, code: "ENOENT" });
});
fails("DenoRepl.eval", "that ends the process", async (t) => {
  const repl = await t.sandbox.deno.repl(PIPED);
  await failsWith(() => repl.eval("Deno.exit(3)"), { type: Error });
  const { status, stderrText } = await repl.output();
  assert.deepEqual([status.code, stderrText], [3, ""]);
});

works("DenoRepl.call", "a function with arguments", (t) =>
  within(t, async (repl) => {
    await repl.eval("const add = (a: number, b: number) => a + b; async function later(x: unknown) { return { x }; }");
    assert.equal(await repl.call("add", 1, 2), 3);
    assert.deepEqual(await repl.call("later", { a: [null, "b"] }), { x: { a: [null, "b"] } });
    assert.equal(await repl.call("(s) => s.length", "vier"), 4);
  }));
fails("DenoRepl.call", "what it throws", (t) =>
  within(t, async (repl) => {
    await repl.eval("function fail(why) { throw new RangeError(why) }");
    await failsWith(() => repl.call("fail", "why"), { type: RangeError, message: "why" });
  }));
fails("DenoRepl.call", "no such function", (t) =>
  within(t, async (repl) => {
    await failsWith(() => repl.call("nothingOfTheKind"), { type: ReferenceError });
  }));

works("DenoRepl.close", "ends the process; twice is no error", async (t) => {
  const repl = await t.sandbox.deno.repl(PIPED);
  await repl.close();
  await repl.status;
  await repl.close();
});
fails("DenoRepl.close", "on a closed connection", (t) =>
  t.cutOff(async (sandbox) => {
    const repl = await sandbox.deno.repl(PIPED);
    return () => repl.close();
  }));

works("DenoRepl.[Symbol.asyncDispose]", "ends the process", async (t) => {
  let kept: DenoRepl;
  {
    await using repl = await t.sandbox.deno.repl(PIPED);
    kept = repl;
    assert.equal(await repl.eval("1 + 1"), 2);
  }
  await kept.status;
});
fails("DenoRepl.[Symbol.asyncDispose]", "on a closed connection", (t) =>
  t.cutOff(async (sandbox) => {
    const repl = await sandbox.deno.repl(PIPED);
    return () => repl[Symbol.asyncDispose]();
  }));
fails("SandboxDeno.repl", "on a closed connection", async (t) => {
  const closed = await t.closed();
  await afterClose(() => closed.deno.repl(PIPED));
});
