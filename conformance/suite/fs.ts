import { all, assert, bytes, fails, failsWith, failureOf, invalid, pause, text, works } from "./harness.ts";

const MEBIBYTES_50 = 50 << 20;

function pattern(length: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(length);
  for (let i = 0; i < length; i++) data[i] = (i * 31 + (i >> 8)) & 0xff;
  return data;
}

async function hash(data: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data)).toHex();
}

works("SandboxFs.readFile", "bytes come back as they are", async (t) => {
  const path = `${t.dir}/bytes`;
  await t.both((files) => files.writeFile(path, new Uint8Array([0, 1, 127, 128, 255])));
  await t.alike((files) => files.readFile(path));
});
works("SandboxFs.readFile", "an empty file, and one of the kernel without a size", async (t) => {
  await t.file("empty", "");
  await t.alike((files) => files.readFile(`${t.dir}/empty`));
  assert.match(text(await t.sandbox.fs.readFile("/proc/version")), /^Linux version/);
});
works("SandboxFs.readFile", "by the URL of a file", async (t) => {
  const path = await t.file("a file.txt");
  await t.alike((files) => files.readTextFile(new URL(`file://${path.replaceAll(" ", "%20")}`)));
});
works("SandboxFs.readFile", "a relative path begins at the working directory", async (t) => {
  const home = (await t.sandbox.sh`pwd`.text()).trim();
  await t.sandbox.fs.writeTextFile("relative.txt", "here");
  assert.equal(await t.sandbox.fs.readTextFile(`${home}/relative.txt`), "here");
});
works("SandboxFs.readFile", "50 MiB there and back", async (t) => {
  const data = pattern(MEBIBYTES_50);
  await t.sandbox.fs.writeFile(`${t.dir}/big`, data);
  const sum = await t.sandbox.sh`sha256sum < ${t.dir}/big`.text();
  assert.equal(sum.slice(0, 64), await hash(data));
  const back = await t.sandbox.fs.readFile(`${t.dir}/big`);
  assert.equal(back.length, data.length);
  assert.equal(await hash(back), await hash(data));
});
fails("SandboxFs.readFile", "no such file", (t) => t.alikeFails((files) => files.readFile(t.missing)));
fails("SandboxFs.readFile", "a directory", (t) => t.alikeFails((files) => files.readFile(t.dir)));
fails("SandboxFs.readFile", "a circle of links", async (t) => {
  await t.both((files) => files.symlink(`${t.dir}/loop`, `${t.dir}/loop`));
  await t.alikeFails((files) => files.readFile(`${t.dir}/loop`));
});
fails("SandboxFs.readFile", "what only root may read", (t) =>
  failsWith(() => t.sandbox.fs.readFile("/etc/shadow"), {
    type: Deno.errors.PermissionDenied,
    code: "EACCES",
    message: "Permission denied (os error 13): readfile '/etc/shadow'",
  }));
fails("SandboxFs.readFile", "an aborted signal ends it", async (t) => {
  await t.sandbox.sh`mkfifo ${t.dir}/pipe`;
  const controller = new AbortController();
  const reading = failureOf(() => t.sandbox.fs.readFile(`${t.dir}/pipe`, { signal: controller.signal }));
  await pause(200);
  controller.abort();
  const e = await reading;
  assert.ok(e instanceof DOMException, String(e));
  assert.equal(e.name, "AbortError");
  assert.equal(await t.sandbox.env.get("SURELY_UNSET"), undefined);
});

works("SandboxFs.writeFile", "creates, overwrites and appends", async (t) => {
  const path = `${t.dir}/written`;
  await t.both((files) => files.writeFile(path, bytes("one, which is longer")));
  await t.both((files) => files.writeFile(path, bytes("two")));
  await t.both((files) => files.writeFile(path, bytes(", three"), { append: true }));
  assert.equal(await t.alike((files) => files.readTextFile(path)), "two, three");
});
works("SandboxFs.writeFile", "gives the file a mode", async (t) => {
  await t.both((files) => files.writeFile(`${t.dir}/mode`, bytes("x"), { mode: 0o640 }));
  await t.alike(async (files) => (await files.stat(`${t.dir}/mode`)).mode & 0o777);
});
works("SandboxFs.writeFile", "from a stream", async (t) => {
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let i = 0; i < 100; i++) controller.enqueue(bytes(`${i};`));
      controller.close();
    },
  });
  await t.sandbox.fs.writeFile(`${t.dir}/streamed`, stream);
  const written = await t.sandbox.fs.readTextFile(`${t.dir}/streamed`);
  assert.equal(written, Array.from({ length: 100 }, (_, i) => `${i};`).join(""));
});
works("SandboxFs.writeFile", "50 MiB from a stream", async (t) => {
  const chunk = pattern(64 << 10);
  let left = MEBIBYTES_50 / chunk.length;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (left-- > 0) controller.enqueue(chunk);
      else controller.close();
    },
  });
  await t.sandbox.fs.writeFile(`${t.dir}/streamed`, stream);
  assert.equal((await t.sandbox.fs.stat(`${t.dir}/streamed`)).size, MEBIBYTES_50);
});
fails(
  "SandboxFs.writeFile",
  "in no directory",
  (t) => t.alikeFails((files) => files.writeFile(`${t.missing}/x`, bytes("x"))),
);
fails("SandboxFs.writeFile", "onto a directory", (t) => t.alikeFails((files) => files.writeFile(t.dir, bytes("x"))));
fails("SandboxFs.writeFile", "below a file", async (t) => {
  const path = await t.file();
  await t.alikeFails((files) => files.writeFile(`${path}/x`, bytes("x")));
});
fails("SandboxFs.writeFile", "createNew where there is one", async (t) => {
  const path = await t.file();
  await t.alikeFails((files) => files.writeFile(path, bytes("x"), { createNew: true }));
});
fails(
  "SandboxFs.writeFile",
  "create: false where there is none",
  (t) => t.alikeFails((files) => files.writeFile(t.missing, bytes("x"), { create: false })),
);
fails("SandboxFs.writeFile", "a stream that breaks off", async (t) => {
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes("begun"));
    },
    async pull(controller) {
      await pause(50);
      controller.error(new TypeError("the source is gone"));
    },
  });
  const e = await failureOf(() => t.sandbox.fs.writeFile(`${t.dir}/broken`, stream));
  assert.match(e.message, /the source is gone/);
});
fails("SandboxFs.writeFile", "an aborted signal ends it", async (t) => {
  const controller = new AbortController();
  const stream = new ReadableStream<Uint8Array>({ start: (c) => c.enqueue(bytes("begun")) });
  const writing = failureOf(() => t.sandbox.fs.writeFile(`${t.dir}/aborted`, stream, { signal: controller.signal }));
  await pause(200);
  controller.abort();
  assert.equal((await writing).name, "AbortError");
});

works("SandboxFs.readTextFile", "text beyond ASCII", async (t) => {
  const path = await t.file("text", "hällo, 世界 🔔\r\n");
  await t.alike((files) => files.readTextFile(path));
});
fails("SandboxFs.readTextFile", "no such file", (t) => t.alikeFails((files) => files.readTextFile(t.missing)));
fails("SandboxFs.readTextFile", "a directory", (t) => t.alikeFails((files) => files.readTextFile(t.dir)));

works("SandboxFs.writeTextFile", "creates and appends", async (t) => {
  const path = `${t.dir}/text`;
  await t.both((files) => files.writeTextFile(path, "grüß"));
  await t.both((files) => files.writeTextFile(path, " dich", { append: true }));
  assert.equal(await t.alike((files) => files.readTextFile(path)), "grüß dich");
});
works("SandboxFs.writeTextFile", "from a stream of text", async (t) => {
  const stream = ReadableStream.from(["ü", "be", "r"]);
  await t.sandbox.fs.writeTextFile(`${t.dir}/text`, stream);
  assert.equal(await t.sandbox.fs.readTextFile(`${t.dir}/text`), "über");
});
fails(
  "SandboxFs.writeTextFile",
  "in no directory",
  (t) => t.alikeFails((files) => files.writeTextFile(`${t.missing}/x`, "x")),
);
fails(
  "SandboxFs.writeTextFile",
  "a name that is too long",
  (t) => t.alikeFails((files) => files.writeTextFile(`${t.dir}/${"n".repeat(300)}`, "x")),
);
fails(
  "SandboxFs.writeTextFile",
  "where only root may write",
  (t) =>
    failsWith(() => t.sandbox.fs.writeTextFile("/etc/passwd", "x"), {
      type: Deno.errors.PermissionDenied,
      code: "EACCES",
      message: "Permission denied (os error 13): writefile '/etc/passwd'",
    }),
);

works("SandboxFs.readDir", "files, directories and links", async (t) => {
  await t.file();
  await t.both((files) => files.mkdir(`${t.dir}/sub`));
  await t.both((files) => files.symlink("file.txt", `${t.dir}/link`));
  await t.alike(async (files) => {
    const entries = (await all(files.readDir(t.dir))).sort((a, b) => (a.name < b.name ? -1 : 1));
    return entries.map(({ name, isFile, isDirectory, isSymlink }) => ({ name, isFile, isDirectory, isSymlink }));
  });
});
works("SandboxFs.readDir", "an empty directory", async (t) => {
  assert.deepEqual(await all(t.sandbox.fs.readDir(t.dir)), []);
});
fails("SandboxFs.readDir", "no such directory", (t) => t.alikeFails((files) => all(files.readDir(t.missing))));
fails("SandboxFs.readDir", "a file", async (t) => {
  const path = await t.file();
  await t.alikeFails((files) => all(files.readDir(path)));
});

works("SandboxFs.remove", "a file, and a tree", async (t) => {
  const path = await t.file();
  await t.both((files) => files.mkdir(`${t.dir}/a/b`, { recursive: true }));
  await t.both((files) => files.writeTextFile(`${t.dir}/a/b/c`, "c"));
  await t.both((files) => files.remove(path));
  await t.both((files) => files.remove(`${t.dir}/a`, { recursive: true }));
  assert.deepEqual(await t.alike((files) => all(files.readDir(t.dir))), []);
});
fails("SandboxFs.remove", "what is not there", (t) => t.alikeFails((files) => files.remove(t.missing)));
fails("SandboxFs.remove", "a directory that is not empty", async (t) => {
  await t.file();
  await t.alikeFails((files) => files.remove(t.dir));
});

works("SandboxFs.mkdir", "one, and several", async (t) => {
  await t.both((files) => files.mkdir(`${t.dir}/one`, { mode: 0o700 }));
  await t.both((files) => files.mkdir(`${t.dir}/a/b/c`, { recursive: true }));
  await t.both((files) => files.mkdir(`${t.dir}/a/b/c`, { recursive: true }));
  await t.alike(async (files) => [
    (await files.stat(`${t.dir}/one`)).mode & 0o777,
    (await files.stat(`${t.dir}/a/b/c`)).isDirectory,
  ]);
});
fails("SandboxFs.mkdir", "where there is one", (t) => t.alikeFails((files) => files.mkdir(t.dir)));
fails("SandboxFs.mkdir", "below what is not there", (t) => t.alikeFails((files) => files.mkdir(`${t.missing}/x`)));

works("SandboxFs.rename", "moves a file over another", async (t) => {
  const from = await t.file("from", "new");
  const to = await t.file("to", "old");
  await t.both((files) => files.rename(from, to));
  assert.equal(await t.alike((files) => files.readTextFile(to)), "new");
  await t.alikeFails((files) => files.stat(from));
});
fails("SandboxFs.rename", "what is not there", (t) => t.alikeFails((files) => files.rename(t.missing, `${t.dir}/to`)));
fails("SandboxFs.rename", "a file onto a directory", async (t) => {
  const path = await t.file();
  await t.both((files) => files.mkdir(`${t.dir}/sub`));
  await t.alikeFails((files) => files.rename(path, `${t.dir}/sub`));
});

works("SandboxFs.stat", "what is known of a file", async (t) => {
  const path = await t.file();
  const info = await t.sandbox.fs.stat(path);
  const real = await Deno.stat(path);
  assert.deepEqual(Object.keys(info).sort(), Object.keys(real).sort());
  for (const key of ["isFile", "isDirectory", "isSymlink", "size", "nlink", "isFifo", "isSocket", "rdev"] as const) {
    assert.equal(info[key], real[key], key);
  }
  assert.equal(info.mode & 0o170000, real.mode! & 0o170000);
  assert.ok(Math.abs(info.mtime.getTime() - Date.now()) < 60_000, `mtime ${info.mtime}`);
  assert.ok(info.birthtime instanceof Date && info.ctime instanceof Date && info.atime instanceof Date);
});
works("SandboxFs.stat", "follows links", async (t) => {
  await t.file();
  await t.both((files) => files.symlink("file.txt", `${t.dir}/link`));
  await t.alike(async (files) => (await files.stat(`${t.dir}/link`)).isFile);
});
fails("SandboxFs.stat", "what is not there", (t) => t.alikeFails((files) => files.stat(t.missing)));

works("SandboxFs.chmod", "sets the mode", async (t) => {
  const path = await t.file();
  await t.both((files) => files.chmod(path, 0o4751));
  await t.alike(async (files) => (await files.stat(path)).mode & 0o7777);
});
fails("SandboxFs.chmod", "what is not there", (t) => t.alikeFails((files) => files.chmod(t.missing, 0o600)));
fails("SandboxFs.chmod", "a mode that cannot be", (t) => invalid(() => t.sandbox.fs.chmod(t.dir, -1)));

works("SandboxFs.chown", "to oneself, and to nobody else", async (t) => {
  const path = await t.file();
  const { uid, gid } = await t.sandbox.fs.stat(path);
  await t.sandbox.fs.chown(path, uid, gid);
  await t.sandbox.fs.chown(path, null, null);
  assert.equal((await t.sandbox.fs.stat(path)).uid, uid);
});
fails("SandboxFs.chown", "to root", async (t) => {
  const path = await t.file();
  await failsWith(() => t.sandbox.fs.chown(path, 0, 0), {
    type: Deno.errors.PermissionDenied,
    code: "EPERM",
    message: `Operation not permitted (os error 1): chown '${path}'`,
  });
});
fails("SandboxFs.chown", "what is not there", (t) => t.alikeFails((files) => files.chown(t.missing, 1000, 1000)));

works("SandboxFs.copyFile", "the content and the mode", async (t) => {
  const from = await t.file();
  await t.both((files) => files.chmod(from, 0o751));
  await t.both((files) => files.copyFile(from, `${t.dir}/copy`));
  await t.alike(async (files) => [await files.readTextFile(`${t.dir}/copy`), (await files.stat(`${t.dir}/copy`)).mode]);
});
fails(
  "SandboxFs.copyFile",
  "what is not there",
  (t) => t.alikeFails((files) => files.copyFile(t.missing, `${t.dir}/copy`)),
);
fails("SandboxFs.copyFile", "a directory", (t) => t.alikeFails((files) => files.copyFile(t.dir, `${t.dir}/copy`)));

async function tree(t: { dir: string; both(act: (files: import("./harness.ts").Files) => unknown): Promise<void> }) {
  await t.both(async (files) => {
    await files.mkdir(`${t.dir}/src/deep`, { recursive: true });
    await files.writeTextFile(`${t.dir}/src/a.ts`, "a");
    await files.writeTextFile(`${t.dir}/src/deep/b.ts`, "b");
    await files.writeTextFile(`${t.dir}/src/deep/c.md`, "c");
    await files.symlink("a.ts", `${t.dir}/src/link.ts`);
  });
}

const paths = (entries: { path: string }[]) => entries.map(({ path }) => path).sort();

works("SandboxFs.walk", "every entry once", async (t) => {
  await tree(t);
  const entries = await all(t.sandbox.fs.walk(t.dir));
  const src = `${t.dir}/src`;
  assert.deepEqual(paths(entries), [
    t.dir,
    src,
    `${src}/a.ts`,
    `${src}/deep`,
    `${src}/deep/b.ts`,
    `${src}/deep/c.md`,
    `${src}/link.ts`,
  ]);
  const link = entries.find(({ name }) => name === "link.ts");
  assert.deepEqual([link?.isSymlink, link?.isFile, link?.isDirectory], [true, false, false]);
});
works("SandboxFs.walk", "with depth, endings and patterns", async (t) => {
  await tree(t);
  const fs = t.sandbox.fs;
  const src = `${t.dir}/src`;
  assert.deepEqual(paths(await all(fs.walk(src, { maxDepth: 0 }))), [src]);
  assert.deepEqual(paths(await all(fs.walk(src, { exts: [".md"], includeDirs: false }))), [`${src}/deep/c.md`]);
  assert.deepEqual(paths(await all(fs.walk(src, { match: [/\/b\.TS$/i] }))), [`${src}/deep/b.ts`]);
  assert.deepEqual(paths(await all(fs.walk(src, { skip: [/deep/], includeSymlinks: false }))), [src, `${src}/a.ts`]);
});
// Leaving a walk early is not among the cases: this version of the client throws, seen by nobody, when the end of a
// stream was under way as it was given up.
fails("SandboxFs.walk", "what is not there", (t) =>
  failsWith(() => all(t.sandbox.fs.walk(t.missing)), {
    type: Deno.errors.NotFound,
    code: "ENOENT",
    message: /^No such file or directory \(os error 2\)/,
  }));

works("SandboxFs.expandGlob", "below a root", async (t) => {
  await tree(t);
  const found = await all(t.sandbox.fs.expandGlob("**/*.ts", { root: t.dir, includeDirs: false }));
  assert.deepEqual(paths(found), [`${t.dir}/src/a.ts`, `${t.dir}/src/deep/b.ts`, `${t.dir}/src/link.ts`]);
});
works("SandboxFs.expandGlob", "an absolute pattern, with exclusions", async (t) => {
  await tree(t);
  const found = await all(
    t.sandbox.fs.expandGlob(`${t.dir}/src/**/*.{ts,md}`, { exclude: [`${t.dir}/src/deep/*.ts`] }),
  );
  assert.deepEqual(paths(found), [`${t.dir}/src/a.ts`, `${t.dir}/src/deep/c.md`, `${t.dir}/src/link.ts`]);
});
works("SandboxFs.expandGlob", "finds nothing", async (t) => {
  assert.deepEqual(await all(t.sandbox.fs.expandGlob("*.nothing", { root: t.dir })), []);
});
fails("SandboxFs.expandGlob", "on a closed connection", async (t) => {
  const closed = await t.closed();
  await failsWith(() => all(closed.fs.expandGlob("*")), { name: "ConnectionClosedError" });
});

works("SandboxFs.create", "empties what is there, and may be read", async (t) => {
  const path = await t.file();
  const file = await t.sandbox.fs.create(path);
  await file.write(bytes("new"));
  await file.close();
  assert.equal(await t.sandbox.fs.readTextFile(path), "new");
});
fails("SandboxFs.create", "in no directory", (t) => t.alikeFails((files) => files.create(`${t.missing}/x`)));

works("SandboxFs.link", "two names of one file", async (t) => {
  const path = await t.file();
  await t.both((files) => files.link(path, `${t.dir}/second`));
  await t.both((files) => files.writeTextFile(path, "changed"));
  await t.alike(async (files) => [await files.readTextFile(`${t.dir}/second`), (await files.stat(path)).nlink]);
});
fails("SandboxFs.link", "what is not there", (t) => t.alikeFails((files) => files.link(t.missing, `${t.dir}/second`)));
fails("SandboxFs.link", "over a file", async (t) => {
  const path = await t.file();
  await t.alikeFails((files) => files.link(path, path));
});

works("SandboxFs.lstat", "does not follow links", async (t) => {
  await t.both((files) => files.symlink("nowhere", `${t.dir}/link`));
  await t.alike(async (files) => {
    const { isSymlink, isFile, size } = await files.lstat(`${t.dir}/link`);
    return { isSymlink, isFile, size };
  });
});
fails("SandboxFs.lstat", "what is not there", (t) => t.alikeFails((files) => files.lstat(t.missing)));

for (const kind of ["Dir", "File"] as const) {
  const make = kind === "Dir" ? "makeTempDir" : "makeTempFile";
  works(`SandboxFs.${make}`, "with its place, beginning and ending", async (t) => {
    const path = await t.sandbox.fs[make]({ dir: t.dir, prefix: "begin-", suffix: ".end" });
    assert.ok(path.startsWith(`${t.dir}/begin-`) && path.endsWith(".end"), path);
    const info = await t.sandbox.fs.stat(path);
    assert.equal(info.isDirectory, kind === "Dir");
    assert.equal(info.mode & 0o777, kind === "Dir" ? 0o700 : 0o600);
  });
  works(`SandboxFs.${make}`, "in /tmp without options", async (t) => {
    const [one, two] = [await t.sandbox.fs[make](), await t.sandbox.fs[make]()];
    assert.match(one, /^\/tmp\/./);
    assert.notEqual(one, two);
  });
  fails(`SandboxFs.${make}`, "in no directory", (t) => t.alikeFails((files) => files[make]({ dir: t.missing })));
  fails(
    `SandboxFs.${make}`,
    "with a slash in its name",
    (t) => t.alikeFails((files) => files[make]({ dir: t.dir, suffix: "a/b" })),
  );
}

works("SandboxFs.open", "reads by default", async (t) => {
  const path = await t.file();
  await t.alike(async (files) => {
    const file = await files.open(path);
    const buffer = new Uint8Array(4);
    const n = await file.read(buffer);
    await file.close();
    return [n, text(buffer)];
  });
});
works("SandboxFs.open", "to append", async (t) => {
  const path = await t.file();
  const file = await t.sandbox.fs.open(path, { append: true });
  await file.write(bytes("!"));
  await file.close();
  assert.equal(await t.sandbox.fs.readTextFile(path), "0123456789!");
});
fails("SandboxFs.open", "what is not there", (t) => t.alikeFails((files) => files.open(t.missing)));
fails("SandboxFs.open", "createNew where there is one", async (t) => {
  const path = await t.file();
  await t.alikeFails((files) => files.open(path, { write: true, createNew: true }));
});
fails("SandboxFs.open", "a directory, to write", (t) => t.alikeFails((files) => files.open(t.dir, { write: true })));
fails("SandboxFs.open", "to create without writing", async (t) => {
  const path = await t.file();
  await t.alikeFails((files) => files.open(path, { read: true, create: true }));
  await t.alikeFails((files) => files.open(path, { read: true, truncate: true }));
  await t.alikeFails((files) => files.open(path, {}));
});

works("SandboxFs.readLink", "what the link says", async (t) => {
  await t.both((files) => files.symlink("../no/where", `${t.dir}/link`));
  assert.equal(await t.alike((files) => files.readLink(`${t.dir}/link`)), "../no/where");
});
fails("SandboxFs.readLink", "a file", async (t) => {
  const path = await t.file();
  await t.alikeFails((files) => files.readLink(path));
});
fails("SandboxFs.readLink", "what is not there", (t) => t.alikeFails((files) => files.readLink(t.missing)));

works("SandboxFs.realPath", "through links and dots", async (t) => {
  const path = await t.file();
  await t.both((files) => files.symlink(t.dir, `${t.dir}/self`));
  assert.equal(
    await t.alike((files) => files.realPath(`${t.dir}/self/../self/./file.txt`.replace("self/../", ""))),
    path,
  );
});
fails("SandboxFs.realPath", "what is not there", (t) => t.alikeFails((files) => files.realPath(t.missing)));

works("SandboxFs.symlink", "is followed", async (t) => {
  await t.file();
  await t.both((files) => files.symlink("file.txt", `${t.dir}/link`, { type: "file" }));
  await t.alike((files) => files.readTextFile(`${t.dir}/link`));
});
fails("SandboxFs.symlink", "over a file", async (t) => {
  const path = await t.file();
  await t.alikeFails((files) => files.symlink("elsewhere", path));
});

works("SandboxFs.truncate", "shorter, longer, empty", async (t) => {
  const path = await t.file();
  await t.both((files) => files.truncate(path, 4));
  assert.equal(await t.alike((files) => files.readTextFile(path)), "0123");
  await t.both((files) => files.truncate(path, 6));
  await t.alike((files) => files.readFile(path));
  await t.both((files) => files.truncate(path));
  await t.alike((files) => files.readFile(path));
});
fails("SandboxFs.truncate", "what is not there", (t) => t.alikeFails((files) => files.truncate(t.missing)));

works("SandboxFs.umask", "is the sandbox's, and holds for new files", async (t) => {
  const before = await t.sandbox.fs.umask(0o077);
  assert.equal(before, 0o022);
  assert.equal(await t.sandbox.fs.umask(), 0o077);
  await t.sandbox.fs.writeTextFile(`${t.dir}/private`, "x");
  assert.equal((await t.sandbox.fs.stat(`${t.dir}/private`)).mode & 0o777, 0o600);
  assert.equal(await t.sandbox.fs.umask(before), 0o077);
});
fails("SandboxFs.umask", "a mask that cannot be", (t) => invalid(() => t.sandbox.fs.umask(-1)));

works("SandboxFs.utime", "from dates and from numbers", async (t) => {
  const path = await t.file();
  await t.sandbox.fs.utime(path, new Date(1_000_000_000_123), new Date(1_500_000_000_456));
  const info = await t.sandbox.fs.stat(path);
  assert.deepEqual([info.atime, info.mtime], [new Date(1_000_000_000_123), new Date(1_500_000_000_456)]);
  await t.sandbox.fs.utime(path, 1_000_000, 2_000_000);
  assert.deepEqual((await t.sandbox.fs.stat(path)).mtime, new Date(2_000_000));
});
fails("SandboxFs.utime", "what is not there", (t) => t.alikeFails((files) => files.utime(t.missing, 1, 1)));

works("SandboxFs.upload", "a file", async (t) => {
  await Deno.writeTextFile(`${t.dir}/local`, "from here");
  await t.sandbox.fs.upload(`${t.dir}/local`, `${t.dir}/there`);
  assert.equal(await t.sandbox.fs.readTextFile(`${t.dir}/there`), "from here");
});
works("SandboxFs.upload", "a tree with links", async (t) => {
  const local = await Deno.makeTempDir({ dir: t.dir });
  await Deno.mkdir(`${local}/project/src`, { recursive: true });
  await Deno.writeTextFile(`${local}/project/readme`, "read me");
  await Deno.writeFile(`${local}/project/src/data`, pattern(300_000));
  await Deno.symlink("readme", `${local}/project/link`);
  await t.sandbox.fs.mkdir(`${t.dir}/up`);
  await t.sandbox.fs.upload(`${local}/project`, `${t.dir}/up`);
  assert.equal(await t.sandbox.fs.readTextFile(`${t.dir}/up/project/readme`), "read me");
  assert.equal(await t.sandbox.fs.readLink(`${t.dir}/up/project/link`), "readme");
  assert.deepEqual(await t.sandbox.fs.readFile(`${t.dir}/up/project/src/data`), pattern(300_000));
});
fails("SandboxFs.upload", "to no directory", async (t) => {
  await Deno.writeTextFile(`${t.dir}/local`, "x");
  await failsWith(() => t.sandbox.fs.upload(`${t.dir}/local`, `${t.missing}/x`), {
    type: Deno.errors.NotFound,
    code: "ENOENT",
    message: `No such file or directory (os error 2): writefile '${t.missing}/x'`,
  });
});

works("SandboxFs.download", "a file", async (t) => {
  await t.sandbox.fs.writeTextFile(`${t.dir}/there`, "from there");
  await t.sandbox.fs.download(`${t.dir}/there`, `${t.dir}/local`);
  assert.equal(await Deno.readTextFile(`${t.dir}/local`), "from there");
});
works("SandboxFs.download", "a tree with links", async (t) => {
  await t.sandbox.fs.mkdir(`${t.dir}/project/src`, { recursive: true });
  await t.sandbox.fs.writeTextFile(`${t.dir}/project/readme`, "read me");
  await t.sandbox.fs.writeFile(`${t.dir}/project/src/data`, pattern(300_000));
  await t.sandbox.fs.symlink("readme", `${t.dir}/project/link`);
  await Deno.mkdir(`${t.dir}/down`);
  await t.sandbox.fs.download(`${t.dir}/project`, `${t.dir}/down`);
  assert.equal(await Deno.readTextFile(`${t.dir}/down/project/readme`), "read me");
  assert.equal(await Deno.readLink(`${t.dir}/down/project/link`), "readme");
  assert.deepEqual(await Deno.readFile(`${t.dir}/down/project/src/data`), pattern(300_000));
});
fails(
  "SandboxFs.download",
  "what is not there",
  (t) =>
    failsWith(() => t.sandbox.fs.download(t.missing, `${t.dir}/local`), {
      type: Deno.errors.NotFound,
      code: "ENOENT",
      message: `No such file or directory (os error 2): realpath '${t.missing}'`,
    }),
);
