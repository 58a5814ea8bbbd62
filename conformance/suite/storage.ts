import {
  ApiError,
  Client,
  ConnectionEstablishmentError,
  Sandbox,
  type SandboxOptions,
  Snapshot,
  Volume,
  type VolumeInit,
} from "@deno/sandbox";
import { all, assert, fails, failsWith, until, works } from "./harness.ts";

const VOLUME = /^vol_[a-z]{3}_[0-9a-hjkmnp-z]{20}$/;
const SNAPSHOT = /^snp_[a-z]{3}_[0-9a-hjkmnp-z]{20}$/;
const DEBIAN = "builtin:debian-13";
const MB = 1_000_000;

const missing = { type: ApiError, status: 404, code: "STORAGE_NOT_FOUND" };
const taken = { type: ApiError, status: 409, code: "SLUG_TAKEN" };
const busy = { type: ApiError, status: 409, code: "VOLUME_BUSY" };
const wrong = { type: ApiError, status: 400, code: "INVALID_REQUEST" };

const client = new Client();
const name = () => `suite-${crypto.randomUUID()}`;

/** Deletes it once the last sandbox has let go of it; what is gone already is fine. */
function remove(what: { delete(idOrSlug: string): Promise<void> }, slug: string) {
  return until(`${slug} is deleted`, async () => {
    try {
      await what.delete(slug);
      return true;
    } catch (e) {
      if (e instanceof ApiError && e.status === 404) return true;
      if (e instanceof ApiError && e.code === "VOLUME_BUSY") return false;
      throw e;
    }
  });
}

/** A volume for the time of a case. */
async function withVolume(init: Partial<VolumeInit>, act: (volume: Volume) => unknown) {
  const volume = await client.volumes.create({ slug: name(), region: "loc", capacity: "300MB", ...init });
  try {
    await act(volume);
  } finally {
    await remove(client.volumes, volume.id);
  }
}

/** A snapshot of a volume that holds nothing else, for the time of a case. */
function withSnapshot(init: Partial<VolumeInit>, act: (snapshot: Snapshot, volume: Volume) => unknown) {
  return withVolume(init, async (volume) => {
    const snapshot = await client.volumes.snapshot(volume.slug, { slug: name() });
    try {
      await act(snapshot, volume);
    } finally {
      await remove(client.snapshots, snapshot.id);
    }
  });
}

/** Acts in a sandbox of those options; waits for volumes that another still holds. */
async function within(options: SandboxOptions, act: (sandbox: Sandbox) => unknown) {
  let sandbox: Sandbox | undefined;
  await until("the volumes are free", async () => {
    try {
      sandbox = await Sandbox.create(options);
      return true;
    } catch (e) {
      if (e instanceof ConnectionEstablishmentError && e.code === "VOLUME_BUSY") return false;
      throw e;
    }
  });
  try {
    await act(sandbox!);
  } finally {
    await sandbox!.kill();
  }
}

works("Client.volumes.create", "an empty one", () =>
  withVolume({ capacity: "500MB" }, (volume) => {
    assert.match(volume.id, VOLUME);
    assert.equal(volume.capacity, 500 * MB);
    assert.equal(volume.isBootable, false);
    assert.equal(volume.baseSnapshot, null);
  }));
works("Client.volumes.create", "of a size in bytes, GB and GiB", async () => {
  for (const [capacity, bytes] of [[400 * MB, 400 * MB], ["1GB", 1000 * MB], ["1GiB", 1 << 30]] as const) {
    await withVolume({ capacity }, (volume) => assert.equal(volume.capacity, bytes));
  }
});
works("Client.volumes.create", "that boots", () =>
  withVolume({ from: DEBIAN, capacity: "10GB" }, (volume) => {
    assert.equal(volume.isBootable, true);
  }));
works("Client.volumes.create", "from a snapshot, by id and by slug", () =>
  withSnapshot({}, async (snapshot) => {
    for (const from of [snapshot.id, snapshot.slug]) {
      await withVolume({ from }, (volume) => {
        assert.deepEqual(volume.baseSnapshot, { id: snapshot.id, slug: snapshot.slug });
      });
    }
  }));
works("Client.volumes.create", "of the slug of one that was deleted", async () => {
  const slug = name();
  await withVolume({ slug }, () => client.volumes.delete(slug));
  await withVolume({ slug }, async (volume) => assert.equal((await client.volumes.get(slug))?.id, volume.id));
});
fails(
  "Client.volumes.create",
  "a slug that a volume or snapshot has",
  () =>
    withSnapshot({}, async (snapshot, volume) => {
      for (const { slug } of [snapshot, volume]) {
        await failsWith(() => client.volumes.create({ slug, region: "loc", capacity: "300MB" }), taken);
      }
    }),
);
for (const slug of ["", "-a", "a-", "A", "a b", "a/b", "ä", "x".repeat(64)]) {
  fails(
    "Client.volumes.create",
    `the slug '${slug}'`,
    () => failsWith(() => client.volumes.create({ slug, region: "loc", capacity: "300MB" }), wrong),
  );
}
for (const capacity of [0, -1, 1, 1.5, 1e300, "1MB", "100000GB", "much", "-1GB"]) {
  fails(
    "Client.volumes.create",
    `a capacity of ${capacity}`,
    () =>
      failsWith(
        () => client.volumes.create({ slug: name(), region: "loc", capacity: capacity as `${number}GB` }),
        wrong,
      ),
  );
}
fails(
  "Client.volumes.create",
  "from what is not there",
  () =>
    failsWith(() => client.volumes.create({ slug: name(), region: "loc", capacity: "1GB", from: "nothing" }), missing),
);
fails(
  "Client.volumes.create",
  "less than its origin has",
  () =>
    withSnapshot(
      { capacity: "1GB" },
      ({ id }) =>
        failsWith(() => client.volumes.create({ slug: name(), region: "loc", capacity: "300MB", from: id }), wrong),
    ),
);

works("Client.volumes.get", "by id and by slug", () =>
  withVolume({}, async (volume) => {
    for (const key of [volume.id, volume.slug]) {
      const found = await client.volumes.get(key);
      assert.deepEqual([found?.id, found?.slug, found?.capacity], [volume.id, volume.slug, volume.capacity]);
    }
  }));
works("Client.volumes.get", "null for what is not there, or is deleted", () =>
  withVolume({}, async (volume) => {
    assert.equal(await client.volumes.get("nothing"), null);
    await client.volumes.delete(volume.slug);
    assert.equal(await client.volumes.get(volume.slug), null);
    assert.equal(await client.volumes.get(volume.id), null);
  }));
fails(
  "Client.volumes.get",
  "with a wrong token",
  () => failsWith(() => new Client({ token: "ddo_wrong" }).volumes.get("nothing"), { type: ApiError, status: 401 }),
);

works("Client.volumes.list", "page by page, by what is in their slug", async () => {
  const search = name().slice(0, 30);
  const slugs = ["a", "b", "c"].map((end) => `${search}-${end}`);
  try {
    for (const slug of slugs) await client.volumes.create({ slug, region: "loc", capacity: "300MB" });
    const page = await client.volumes.list({ search, limit: 2 });
    assert.deepEqual([page.items.length, page.hasMore], [2, true]);
    assert.ok(page.items[0] instanceof Volume);
    const next = await page.getNextPage();
    assert.deepEqual([next?.items.length, next?.hasMore, next?.nextCursor], [1, false, null]);
    assert.deepEqual((await all(page)).map(({ slug }) => slug), slugs);
    assert.deepEqual((await client.volumes.list({ search: `${search}-b` })).items.map(({ slug }) => slug), [slugs[1]]);
  } finally {
    for (const slug of slugs) await remove(client.volumes, slug);
  }
});
fails("Client.volumes.list", "from a cursor that nobody gave, or without end", async () => {
  await failsWith(() => client.volumes.list({ cursor: "nonsense" as never }), wrong);
  await failsWith(() => client.volumes.list({ limit: 0 }), wrong);
  await failsWith(() => client.volumes.list({ limit: 1e9 }), wrong);
});

works("Client.volumes.delete", "by slug and by id", async () => {
  await withVolume({}, async ({ slug }) => {
    await client.volumes.delete(slug);
    assert.equal(await client.volumes.get(slug), null);
  });
  await withVolume({}, async ({ id }) => {
    await client.volumes.delete(id);
    assert.equal(await client.volumes.get(id), null);
  });
});
fails("Client.volumes.delete", "what is not there", () => failsWith(() => client.volumes.delete("nothing"), missing));
fails(
  "Client.volumes.delete",
  "what a sandbox has",
  () =>
    withVolume(
      {},
      ({ slug }) =>
        within({ volumes: { "/data": slug } }, (sandbox) =>
          failsWith(() => client.volumes.delete(slug), { ...busy, message: new RegExp(sandbox.id) })),
    ),
);

works(
  "Client.volumes.snapshot",
  "of a volume that nobody has",
  () =>
    withSnapshot({ capacity: "400MB" }, async (snapshot, volume) => {
      assert.match(snapshot.id, SNAPSHOT);
      assert.deepEqual(snapshot.volume, { id: volume.id, slug: volume.slug });
      assert.equal((await client.snapshots.get(snapshot.slug))?.id, snapshot.id);
    }),
);
works("Client.volumes.snapshot", "of one that a sandbox writes to", () =>
  withVolume({}, async (volume) => {
    const slug = name();
    try {
      await within({ volumes: { "/data": volume.slug } }, async (sandbox) => {
        await sandbox.fs.writeTextFile("/data/before", "before");
        await client.volumes.snapshot(volume.id, { slug });
        await sandbox.fs.writeTextFile("/data/after", "after");
      });
      await withVolume({ from: slug }, (copy) =>
        within({ volumes: { "/copy": copy.slug } }, async (sandbox) => {
          assert.equal(await sandbox.fs.readTextFile("/copy/before"), "before");
          assert.equal(await sandbox.sh`ls /copy/after`.noThrow().then(({ status }) => status.success), false);
        }));
    } finally {
      await remove(client.snapshots, slug);
    }
  }));
fails("Client.volumes.snapshot", "what is not there, or is a snapshot", () =>
  withSnapshot({}, async ({ slug }) => {
    await failsWith(() => client.volumes.snapshot("nothing", { slug: name() }), missing);
    await failsWith(() => client.volumes.snapshot(slug, { slug: name() }), missing);
  }));
fails("Client.volumes.snapshot", "with a slug that is taken, or is none", () =>
  withVolume({}, async ({ slug }) => {
    await failsWith(() => client.volumes.snapshot(slug, { slug }), taken);
    await failsWith(() => client.volumes.snapshot(slug, { slug: "No Slug" }), wrong);
  }));

works("Client.snapshots.get", "by id and by slug", () =>
  withSnapshot({}, async (snapshot) => {
    for (const key of [snapshot.id, snapshot.slug]) assert.equal((await client.snapshots.get(key))?.id, snapshot.id);
  }));
works("Client.snapshots.get", "null for what is not there, or is a volume", () =>
  withVolume({}, async ({ slug }) => {
    assert.equal(await client.snapshots.get("nothing"), null);
    assert.equal(await client.snapshots.get(slug), null);
  }));
fails(
  "Client.snapshots.get",
  "with a wrong token",
  () => failsWith(() => new Client({ token: "ddo_wrong" }).snapshots.get("nothing"), { type: ApiError, status: 401 }),
);

works("Client.snapshots.list", "page by page, by what is in their slug", () =>
  withVolume({}, async (volume) => {
    const search = name().slice(0, 30);
    const slugs = ["a", "b", "c"].map((end) => `${search}-${end}`);
    try {
      for (const slug of slugs) await client.volumes.snapshot(volume.id, { slug });
      const page = await client.snapshots.list({ search, limit: 2 });
      assert.deepEqual([page.items.length, page.hasMore], [2, true]);
      assert.ok(page.items[0] instanceof Snapshot);
      assert.deepEqual((await all(page)).map(({ slug }) => slug), slugs);
    } finally {
      for (const slug of slugs) await remove(client.snapshots, slug);
    }
  }));
fails(
  "Client.snapshots.list",
  "from a cursor that nobody gave",
  () => failsWith(() => client.snapshots.list({ cursor: "nonsense" as never }), wrong),
);

works("Client.snapshots.delete", "by slug", () =>
  withSnapshot({}, async ({ slug }) => {
    await client.snapshots.delete(slug);
    assert.equal(await client.snapshots.get(slug), null);
  }));
works("Client.snapshots.delete", "what a volume is built on stays whole", () =>
  withVolume({}, async (base) => {
    await within({ volumes: { "/data": base.slug } }, (sandbox) => sandbox.fs.writeTextFile("/data/kept", "kept"));
    const slug = name();
    await client.volumes.snapshot(base.id, { slug });
    await withVolume({ from: slug }, async (copy) => {
      await client.snapshots.delete(slug);
      await within(
        { volumes: { "/data": copy.slug } },
        async (sandbox) => assert.equal(await sandbox.fs.readTextFile("/data/kept"), "kept"),
      );
    });
  }));
fails(
  "Client.snapshots.delete",
  "what is not there",
  () => failsWith(() => client.snapshots.delete("nothing"), missing),
);

works("Volume.create", "as the client does", async () => {
  const volume = await Volume.create({ slug: name(), region: "loc", capacity: "300MB" });
  await client.volumes.delete(volume.id);
});
works("Volume.create", "with a token of its own", async () => {
  const token = Deno.env.get("DENO_DEPLOY_TOKEN")!;
  const volume = await Volume.create({ slug: name(), region: "loc", capacity: "300MB", token });
  await client.volumes.delete(volume.id);
});
fails(
  "Volume.create",
  "what cannot be",
  () => failsWith(() => Volume.create({ slug: "No", region: "loc", capacity: "300MB" }), wrong),
);
works(
  "Volume.get",
  "as the client does",
  () => withVolume({}, async ({ id, slug }) => assert.equal((await Volume.get(slug))?.id, id)),
);
fails(
  "Volume.get",
  "with a wrong token",
  () => failsWith(() => Volume.get("nothing", { token: "ddo_wrong" }), { type: ApiError, status: 401 }),
);
works("Snapshot.create", "as the client does", () =>
  withVolume({}, async (volume) => {
    const snapshot = await Snapshot.create(volume.slug, { slug: name() });
    assert.equal(snapshot.volume.id, volume.id);
    await client.snapshots.delete(snapshot.id);
  }));
fails(
  "Snapshot.create",
  "of what is not there",
  () => failsWith(() => Snapshot.create("nothing", { slug: name() }), missing),
);
works(
  "Snapshot.get",
  "as the client does",
  () => withSnapshot({}, async ({ id, slug }) => assert.equal((await Snapshot.get(slug))?.id, id)),
);
fails(
  "Snapshot.get",
  "with a wrong token",
  () => failsWith(() => Snapshot.get("nothing", { token: "ddo_wrong" }), { type: ApiError, status: 401 }),
);

/** A case for what each getter says of something that was made so. */
function says<T extends object>(
  type: string,
  made: (act: (thing: T) => unknown) => Promise<void>,
  expected: { [K in keyof T]?: (value: T[K]) => void },
) {
  for (const key of Object.keys(expected) as (keyof T & string)[]) {
    works(`${type}.${key}`, "says what was made", () => made((thing) => expected[key]!(thing[key])));
  }
}
const size = (value: number) => assert.ok(Number.isInteger(value) && value >= 0, String(value));

says<Volume>("Volume", (act) => withVolume({ slug: name(), capacity: "300MB" }, act), {
  id: (value) => assert.match(value, VOLUME),
  slug: (value) => assert.match(value, /^suite-/),
  region: (value) => assert.match(value, /^[a-z]{3}$/),
  capacity: (value) => assert.equal(value, 300 * MB),
  estimatedAllocatedSize: size,
  estimatedFlattenedSize: size,
  isBootable: (value) => assert.equal(value, false),
  baseSnapshot: (value) => assert.equal(value, null),
});
says<Snapshot>("Snapshot", (act) => withSnapshot({}, act), {
  id: (value) => assert.match(value, SNAPSHOT),
  slug: (value) => assert.match(value, /^suite-/),
  region: (value) => assert.match(value, /^[a-z]{3}$/),
  allocatedSize: size,
  flattenedSize: size,
  isBootable: (value) => assert.equal(value, false),
  volume: ({ id, slug }) => {
    assert.match(id, VOLUME);
    assert.match(slug, /^suite-/);
  },
});
works(
  "Volume.estimatedAllocatedSize",
  "grows with what is written",
  () =>
    withVolume({}, async ({ id, slug, estimatedAllocatedSize }) => {
      await within(
        { volumes: { "/data": slug } },
        (sandbox) => sandbox.sh`head -c 50000000 /dev/urandom > /data/noise && sync`,
      );
      await until(
        "the size is known",
        async () => (await client.volumes.get(id))!.estimatedAllocatedSize > estimatedAllocatedSize + 45 * MB,
      );
    }),
);

works("Sandbox.create", "with a volume, whose files outlive it", () =>
  withVolume({}, async ({ id, slug }) => {
    await within({ volumes: { "/data/deep": slug } }, async (sandbox) => {
      await sandbox.fs.writeTextFile("/data/deep/kept", "kept ü");
      assert.ok((await sandbox.sh`findmnt -n -o TARGET /data/deep`.text()).includes("/data/deep"));
    });
    await within({ volumes: { "/elsewhere": id } }, async (sandbox) => {
      assert.equal(await sandbox.fs.readTextFile("/elsewhere/kept"), "kept ü");
    });
  }));
works(
  "Sandbox.create",
  "with several volumes at once",
  () =>
    withVolume(
      {},
      (one) =>
        withVolume({}, (two) =>
          within({ volumes: { "/one": one.slug, "/two": two.id } }, async (sandbox) => {
            await sandbox.sh`echo 1 > /one/file && echo 2 > /two/file`;
            assert.equal(await sandbox.sh`cat /one/file /two/file`.text(), "1\n2\n");
          })),
    ),
);
works(
  "Sandbox.create",
  "with a volume that is full, which is no worse than that",
  () =>
    withVolume({ capacity: "300MB" }, ({ slug }) =>
      within({ volumes: { "/data": slug } }, async (sandbox) => {
        const said = await sandbox.sh`(head -c 400000000 /dev/zero > /data/large) 2>&1 || true`.text();
        assert.match(said, /No space left on device/);
        await sandbox.fs.remove("/data/large");
        await sandbox.fs.writeTextFile("/data/small", "fits");
      })),
);
works(
  "Sandbox.create",
  "with a bootable volume as its root, which keeps what is written",
  () =>
    withVolume({ from: DEBIAN, capacity: "10GB" }, async ({ slug }) => {
      await within({ root: slug }, (sandbox) => sandbox.sh`sudo sh -c 'echo installed > /usr/local/tool && sync'`);
      await within({ root: slug }, async (sandbox) => {
        assert.equal(await sandbox.fs.readTextFile("/usr/local/tool"), "installed\n");
      });
    }),
);
works(
  "Sandbox.create",
  "two with the same snapshot as their root, which keeps nothing",
  () =>
    withVolume({ from: DEBIAN, capacity: "10GB" }, async (volume) => {
      await within({ root: volume.slug }, (sandbox) => sandbox.sh`sudo sh -c 'echo base > /usr/local/tool && sync'`);
      const snapshot = await client.volumes.snapshot(volume.id, { slug: name() });
      try {
        assert.equal(snapshot.isBootable, true);
        await within({ root: snapshot.slug }, (one) =>
          within({ root: snapshot.id }, async (two) => {
            assert.equal(await two.fs.readTextFile("/usr/local/tool"), "base\n");
            await one.sh`sudo sh -c 'echo changed > /usr/local/tool'`;
            assert.equal(await two.fs.readTextFile("/usr/local/tool"), "base\n");
          }));
        await within({ root: snapshot.slug }, async (sandbox) => {
          assert.equal(await sandbox.fs.readTextFile("/usr/local/tool"), "base\n");
        });
      } finally {
        await remove(client.snapshots, snapshot.id);
      }
    }),
);
works(
  "Sandbox.create",
  "with a root and a volume",
  () =>
    withVolume(
      { from: DEBIAN, capacity: "10GB" },
      (root) =>
        withVolume({}, (data) =>
          within({ root: root.slug, volumes: { "/data": data.slug } }, async (sandbox) => {
            await sandbox.fs.writeTextFile("/data/file", "both");
            assert.equal(await sandbox.fs.readTextFile("/data/file"), "both");
          })),
    ),
);

const handshake = { type: ConnectionEstablishmentError };
fails("Sandbox.create", "with a volume or root that is not there", async () => {
  const none = { ...handshake, status: 404, code: "STORAGE_NOT_FOUND" };
  await failsWith(() => Sandbox.create({ volumes: { "/data": "nothing" } }), none);
  await failsWith(() => Sandbox.create({ root: "nothing" }), none);
});
fails(
  "Sandbox.create",
  "with a volume that another has, which is named",
  () =>
    withVolume(
      {},
      ({ slug }) =>
        within({ volumes: { "/data": slug } }, (sandbox) =>
          failsWith(() =>
            Sandbox.create({ volumes: { "/mine": slug } }), {
            ...handshake,
            status: 409,
            code: "VOLUME_BUSY",
            message: new RegExp(sandbox.id),
          })),
    ),
);
fails(
  "Sandbox.create",
  "with a root that holds no system",
  () =>
    withVolume(
      {},
      ({ slug }) =>
        failsWith(() => Sandbox.create({ root: slug }), { ...handshake, status: 400, code: "NOT_BOOTABLE" }),
    ),
);
for (const path of ["relative", "/", "/etc", "/usr/", "/proc/data", "/a/../etc"]) {
  fails(
    "Sandbox.create",
    `with a volume at '${path}'`,
    () =>
      withVolume({}, ({ slug }) =>
        failsWith(() => Sandbox.create({ volumes: { [path]: slug } }), {
          ...handshake,
          status: 400,
          code: "INVALID_CONFIG",
        })),
  );
}
fails(
  "Sandbox.create",
  "with two volumes in one place",
  () =>
    withVolume(
      {},
      (one) =>
        withVolume({}, (two) =>
          failsWith(() => Sandbox.create({ volumes: { "/data": one.slug, "/data/": two.slug } }), {
            ...handshake,
            status: 400,
            code: "INVALID_CONFIG",
          })),
    ),
);
