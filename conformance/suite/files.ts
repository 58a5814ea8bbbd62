import { type FsFile, Sandbox, SeekMode } from "@deno/sandbox";
import {
  afterClose,
  assert,
  bytes,
  fails,
  failsWith,
  type Files,
  type Ground,
  pause,
  readText,
  works,
} from "./harness.ts";

const READ_WRITE = { read: true, write: true };

/** Does the same with an open file of each side. */
function withFile<T>(t: Ground, act: (file: FsFile) => Promise<T>, options: object = READ_WRITE): Promise<T> {
  return t.alike(opened(t, act, options));
}

/** Does what must fail with an open file of each side. */
function withFileFails(t: Ground, act: (file: FsFile) => Promise<unknown>, options: object = READ_WRITE) {
  return t.alikeFails(opened(t, act, options));
}

function opened<T>(t: Ground, act: (file: FsFile) => Promise<T>, options: object) {
  return async (files: Files) => {
    const path = `${t.dir}/opened`;
    await files.writeTextFile(path, "0123456789");
    const file = await files.open(path, options);
    try {
      return await act(file);
    } finally {
      await file.close();
    }
  };
}

/** Does what must fail with a closed file of each side. */
function onClosed(t: Ground, act: (file: FsFile) => Promise<unknown>) {
  return t.alikeFails(async (files) => {
    const path = `${t.dir}/closed`;
    await files.writeTextFile(path, "0123456789");
    const file = await files.open(path, READ_WRITE);
    await file.close();
    await act(file);
  });
}

works(
  "FsFile.read",
  "parts, until the end is null",
  (t) =>
    withFile(t, async (file) => [await readText(file, 4), await readText(file, 100), await readText(file, 1)]).then((
      parts,
    ) => assert.deepEqual(parts, ["0123", "456789", null])),
);
fails("FsFile.read", "a closed file", (t) => onClosed(t, (file) => file.read(new Uint8Array(1))));
fails(
  "FsFile.read",
  "what was opened to write",
  (t) => withFileFails(t, (file) => file.read(new Uint8Array(1)), { write: true }),
);
works("FsFile.write", "at the position, and says how much", async (t) => {
  const result = await withFile(t, async (file) => {
    const n = await file.write(bytes("AB"));
    await file.seek(0, SeekMode.Start);
    return [n, await readText(file, 100)];
  });
  assert.deepEqual(result, [2, "AB23456789"]);
});
fails("FsFile.write", "a closed file", (t) => onClosed(t, (file) => file.write(bytes("x"))));
fails(
  "FsFile.write",
  "what was opened to read",
  (t) => withFileFails(t, (file) => file.write(bytes("x")), { read: true }),
);

works("FsFile.truncate", "to a length, and to nothing", async (t) => {
  const sizes = await withFile(t, async (file) => {
    await file.truncate(3);
    const { size } = await file.stat();
    await file.truncate();
    return [size, (await file.stat()).size];
  });
  assert.deepEqual(sizes, [3, 0]);
});
fails("FsFile.truncate", "a closed file", (t) => onClosed(t, (file) => file.truncate(1)));
fails(
  "FsFile.truncate",
  "what was opened to read",
  (t) => withFileFails(t, (file) => file.truncate(1), { read: true }),
);

works("FsFile.seek", "from the start, from here and from the end", async (t) => {
  const places = await withFile(t, async (file) => [
    await file.seek(4, SeekMode.Start),
    await file.seek(-1, SeekMode.Current),
    await readText(file, 2),
    await file.seek(-2, SeekMode.End),
    await readText(file, 9),
    await file.seek(2n, SeekMode.Start),
    await file.seek(100, SeekMode.Start),
    await readText(file, 1),
  ]);
  assert.deepEqual(places, [4, 3, "34", 8, "89", 2, 100, null]);
});
fails("FsFile.seek", "before the start", (t) => withFileFails(t, (file) => file.seek(-11, SeekMode.End)));
fails("FsFile.seek", "a closed file", (t) => onClosed(t, (file) => file.seek(0, SeekMode.Start)));

works("FsFile.stat", "is that of the file", async (t) => {
  const path = await t.file();
  const file = await t.sandbox.fs.open(path);
  const [info, named] = [await file.stat(), await t.sandbox.fs.stat(path)];
  await file.close();
  assert.deepEqual(info, named);
});
fails("FsFile.stat", "a closed file", (t) => onClosed(t, (file) => file.stat()));

for (const name of ["sync", "syncData"] as const) {
  works(`FsFile.${name}`, "after a write", (t) =>
    withFile(t, async (file) => {
      await file.write(bytes("x"));
      return await file[name]();
    }).then(() => {}));
  fails(`FsFile.${name}`, "a closed file", (t) => onClosed(t, (file) => file[name]()));
}

works("FsFile.utime", "from dates", async (t) => {
  const file = await t.sandbox.fs.create(`${t.dir}/timed`);
  await file.utime(new Date(1_000_000_000_000), new Date(1_500_000_000_250));
  const { atime, mtime } = await file.stat();
  await file.close();
  assert.deepEqual([atime, mtime], [new Date(1_000_000_000_000), new Date(1_500_000_000_250)]);
});
fails("FsFile.utime", "a closed file", (t) => onClosed(t, (file) => file.utime(1, 1)));

works("FsFile.lock", "keeps others out until it is released", async (t) => {
  const path = await t.file();
  const [one, two] = [await t.sandbox.fs.open(path, READ_WRITE), await t.sandbox.fs.open(path, READ_WRITE)];
  await one.lock(true);
  let taken = false;
  const waiting = two.lock(true).then(() => taken = true);
  await pause(300);
  assert.equal(taken, false);
  await one.unlock();
  await waiting;
  await two.unlock();
  await Promise.all([one.close(), two.close()]);
});
works("FsFile.lock", "is shared unless it is exclusive", async (t) => {
  const path = await t.file();
  const [one, two] = [await t.sandbox.fs.open(path), await t.sandbox.fs.open(path)];
  await one.lock();
  await two.lock();
  await Promise.all([one.close(), two.close()]);
});
fails("FsFile.lock", "a closed file", (t) => onClosed(t, (file) => file.lock(true)));

works("FsFile.unlock", "what was not locked", (t) => withFile(t, (file) => file.unlock()).then(() => {}));
fails("FsFile.unlock", "a closed file", (t) => onClosed(t, (file) => file.unlock()));

works("FsFile.readable", "a large file to its end", async (t) => {
  await t.sandbox.sh`head -c 500000 /dev/zero > ${t.dir}/zeros`;
  const file = await t.sandbox.fs.open(`${t.dir}/zeros`);
  let length = 0;
  for await (const chunk of file.readable) length += chunk.length;
  await file.close();
  assert.equal(length, 500_000);
});
fails("FsFile.readable", "a closed file", async (t) => {
  const file = await t.sandbox.fs.create(`${t.dir}/closed`);
  const reader = file.readable.getReader();
  await reader.read().catch(() => {});
  await file.close();
  const again = file.readable.getReader();
  await failsWith(() => again.read(), { type: Deno.errors.BadResource, message: "Bad resource ID" });
});

works("FsFile.writable", "what is piped in", async (t) => {
  const file = await t.sandbox.fs.create(`${t.dir}/piped`);
  await ReadableStream.from(["one ", "two"]).pipeThrough(new TextEncoderStream()).pipeTo(file.writable);
  await file.close();
  assert.equal(await t.sandbox.fs.readTextFile(`${t.dir}/piped`), "one two");
});
fails("FsFile.writable", "a closed file", async (t) => {
  const file = await t.sandbox.fs.create(`${t.dir}/closed`);
  await file.close();
  const writer = file.writable.getWriter();
  writer.closed.catch(() => {});
  await writer.write(bytes("x")).catch(() => {});
  await failsWith(() => writer.write(bytes("y")), { type: Deno.errors.BadResource, message: "Bad resource ID" });
});

works("FsFile.close", "twice does nothing", async (t) => {
  const file = await t.sandbox.fs.create(`${t.dir}/file`);
  await file.close();
  await file.close();
});
fails("FsFile.close", "after the connection was closed", async (t) => {
  const other = await Sandbox.connect(t.sandbox.id);
  const file = await other.fs.create(`${t.dir}/file`);
  await other.close();
  await afterClose(() => file.close());
});

works("FsFile.[Symbol.asyncDispose]", "closes", async (t) => {
  let kept: FsFile;
  {
    await using file = await t.sandbox.fs.create(`${t.dir}/file`);
    kept = file;
  }
  await failsWith(() => kept.stat(), { type: Deno.errors.BadResource });
});
fails("FsFile.[Symbol.asyncDispose]", "after the connection was closed", async (t) => {
  const other = await Sandbox.connect(t.sandbox.id);
  const file = await other.fs.create(`${t.dir}/file`);
  await other.close();
  await afterClose(() => file[Symbol.asyncDispose]());
});

works("FsFile.read", "files of several sandboxes' connections are apart", async (t) => {
  await using other = await Sandbox.connect(t.sandbox.id);
  const path = await t.file();
  const one = await t.sandbox.fs.open(path);
  const two = await other.fs.open(path);
  assert.deepEqual([await readText(one, 3), await readText(two, 5)], ["012", "01234"]);
  await Promise.all([one.close(), two.close()]);
});
