import { ApiError, Client, ConnectionEstablishmentError, NetworkError } from "@deno/sandbox";
import { assert, fails, failsWith, until, works } from "./harness.ts";

works("Client.sandboxes.create", "as Sandbox.create", async () => {
  await using sandbox = await new Client().sandboxes.create({ labels: { by: "client" } });
  assert.equal(await sandbox.sh`echo made`.text(), "made\n");
});
fails(
  "Client.sandboxes.create",
  "what cannot be",
  () =>
    failsWith(() => new Client().sandboxes.create({ allowNet: ["not a host!"] }), {
      type: ConnectionEstablishmentError,
      status: 400,
      code: "INVALID_CONFIG",
    }),
);

works("Client.sandboxes.connect", "as Sandbox.connect", async (t) => {
  await using sandbox = await new Client().sandboxes.connect(t.sandbox.id, {});
  assert.equal(sandbox.id, t.sandbox.id);
});
fails(
  "Client.sandboxes.connect",
  "an unknown id",
  () =>
    failsWith(() => new Client().sandboxes.connect("sbx_loc_00000000000000000000", {}), {
      type: ConnectionEstablishmentError,
      status: 404,
      code: "SANDBOX_NOT_FOUND",
    }),
);

works("Client.sandboxes.list", "with all that is known", async (t) => {
  const found = (await new Client().sandboxes.list()).find(({ id }) => id === t.sandbox.id)!;
  assert.deepEqual([found.status, found.stoppedAt, found.labels], ["running", null, { suite: "shared" }]);
  assert.ok(found.createdAt instanceof Date && Date.now() - found.createdAt.getTime() < 3_600_000);
  assert.equal(found.region, t.sandbox.id.slice(4, 7));
});
works("Client.sandboxes.list", "filtered by labels", async (t) => {
  const client = new Client();
  const label = crypto.randomUUID();
  assert.deepEqual(await client.sandboxes.list({ labels: { label } }), []);
  const sandbox = await client.sandboxes.create({ labels: { label, kind: "ä b" } });
  assert.deepEqual((await client.sandboxes.list({ labels: { label, kind: "ä b" } })).map(({ id }) => id), [sandbox.id]);
  assert.ok((await client.sandboxes.list()).some(({ id }) => id === t.sandbox.id));
  await sandbox.kill();
  await until("it is stopped", async () => {
    const [{ status, stoppedAt }] = await client.sandboxes.list({ labels: { label } });
    return status === "stopped" && stoppedAt instanceof Date;
  });
});
fails("Client.sandboxes.list", "a wrong token", async () => {
  const e = await failsWith(() => new Client({ token: "ddo_wrong" }).sandboxes.list(), {
    type: ApiError,
    status: 401,
    code: "INVALID_TOKEN",
  }) as ApiError;
  assert.ok(e.traceId);
});
fails(
  "Client.sandboxes.list",
  "no server",
  () => failsWith(() => new Client({ apiEndpoint: "http://127.0.0.1:1" }).sandboxes.list(), { type: NetworkError }),
);

const api = { type: ApiError, status: 501, code: "NOT_SUPPORTED" };
fails("Client.apps", "none is there, none is made", async () => {
  const { apps } = new Client();
  assert.equal(await apps.get("nothing"), null);
  await failsWith(() => apps.create({ slug: "app" }), api);
  await failsWith(() => apps.list(), api);
});
fails("Client.layers", "none is there", async () => {
  assert.equal(await new Client().layers.get("nothing"), null);
  await failsWith(() => new Client().layers.list(), api);
});
fails("Client.revisions", "none is there", async () => {
  assert.equal(await new Client().revisions.get("nothing"), null);
});
fails("Client.timelines", "none is there", async () => {
  await failsWith(() => new Client().timelines.list("app"), { type: ApiError });
});
