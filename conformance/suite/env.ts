import { Sandbox, type SandboxEnv } from "@deno/sandbox";
import { afterClose, assert, fails, failsWith, failureOf, type Ground, works } from "./harness.ts";

/** Does the same with this Deno's environment, and must fail as that does. */
async function alikeFails(t: Ground, act: (env: SandboxEnv) => unknown) {
  const { message } = await failureOf(() => act(Deno.env as unknown as SandboxEnv));
  await failsWith(() => act(t.sandbox.env), { type: TypeError, message });
}

works("SandboxEnv.get", "a value, and undefined", async (t) => {
  await t.sandbox.env.set("GET_ME", "wert ü");
  assert.equal(await t.sandbox.env.get("GET_ME"), "wert ü");
  assert.equal(await t.sandbox.env.get("NOT_SET_AT_ALL"), undefined);
});
fails("SandboxEnv.get", "a name that cannot be", async (t) => {
  await alikeFails(t, (env) => env.get(""));
  await alikeFails(t, (env) => env.get("A=B"));
});

works("SandboxEnv.set", "is seen by what is started later", async (t) => {
  await t.sandbox.env.set("SET_ME", "one\ntwo");
  assert.equal(await t.sandbox.sh`printf %s "$SET_ME"`.text(), "one\ntwo");
  await t.sandbox.env.set("SET_ME", "");
  assert.equal(await t.sandbox.env.get("SET_ME"), "");
});
fails("SandboxEnv.set", "a name or a value that cannot be", async (t) => {
  await alikeFails(t, (env) => env.set("", "x"));
  await alikeFails(t, (env) => env.set("A=B", "x"));
  await alikeFails(t, (env) => env.set("ZERO", "a\0b"));
});

works("SandboxEnv.toObject", "all of it", async (t) => {
  await t.sandbox.env.set("IN_ALL", "1");
  const all = await t.sandbox.env.toObject();
  assert.equal(all.IN_ALL, "1");
  assert.equal(Object.getPrototypeOf(all), Object.prototype);
});
fails("SandboxEnv.toObject", "on a closed connection", async (t) => {
  const closed = await t.closed();
  await afterClose(() => closed.env.toObject());
});

works("SandboxEnv.delete", "one that is there, and one that is not", async (t) => {
  await t.sandbox.env.set("DELETE_ME", "1");
  await t.sandbox.env.delete("DELETE_ME");
  await t.sandbox.env.delete("DELETE_ME");
  assert.equal(await t.sandbox.env.get("DELETE_ME"), undefined);
  assert.equal(await t.sandbox.sh`printf %s "$DELETE_ME"`.text(), "");
});
fails("SandboxEnv.delete", "a name that cannot be", (t) => alikeFails(t, (env) => env.delete("A=B")));

works("SandboxEnv.get", "is shared by the connections of a sandbox", async (t) => {
  await using other = await Sandbox.connect(t.sandbox.id);
  await other.env.set("SHARED", "yes");
  assert.equal(await t.sandbox.env.get("SHARED"), "yes");
});
