// Evaluates code for the host, in this isolate, with the semantics of a REPL. Runs as `deno eval`, so that imports are
// relative to the working directory. The first line on stdout is "belljar PORT TOKEN"; a connection to that port of the
// loopback which begins with the token becomes the control connection, and the listener is closed. Messages are JSON
// behind a 32-bit length, big-endian; each request {id, code} or {id, call, args} has one answer {id, value} or {id, error}.
// One that was started ahead of time is asked {id, become} first.
import { Session } from "node:inspector";
import v8 from "node:v8";

const LARGEST = 64 << 20;
const DEEPEST = 500;
// Of an error and those that it carries: how many, how deep, and the characters of all their texts.
const MOST_ERRORS = 64;
const DEEPEST_ERROR = 8;
const LONGEST_ERROR = 1 << 20;

// Taken before any of the user's code runs, which may set or delete all of them. What it does to the insides of prototypes
// (RegExp.prototype.exec, Promise.prototype.constructor, Object.prototype.then) cannot be kept out: V8 looks there itself.
const {
  Array, ArrayBuffer, BigInt, Boolean, DataView, Date, Error, Map, Number, Object, Promise, RangeError, Set, String,
  TypeError, Uint8Array, URL, encodeURIComponent,
} = globalThis;
const { parse, stringify } = JSON;
const { from, isArray } = Array;
const { create, defineProperty, getOwnPropertyDescriptor, keys, prototype: anyObject, setPrototypeOf } = Object;
const { isFinite, isNaN } = Number;
const { isView } = ArrayBuffer;
const { cwd, exit, inspect, lstatSync, statSync } = Deno;
const environment = Deno.env;
const uncurried = Function.prototype.bind.bind(Function.prototype.call);
const endsWith = uncurried(String.prototype.endsWith);
const slice = uncurried(String.prototype.slice);
const includes = uncurried(Array.prototype.includes);
const push = uncurried(Array.prototype.push);
const pop = uncurried(Array.prototype.pop);
const exec = uncurried(RegExp.prototype.exec);
const then = uncurried(Promise.prototype.then);
const getTime = uncurried(Date.prototype.getTime);
const toISOString = uncurried(Date.prototype.toISOString);
const subarray = uncurried(Uint8Array.prototype.subarray);
const setBytes = uncurried(Uint8Array.prototype.set);
const getUint32 = uncurried(DataView.prototype.getUint32);
const setUint32 = uncurried(DataView.prototype.setUint32);
const encode = TextEncoder.prototype.encode.bind(new TextEncoder());
const decode = TextDecoder.prototype.decode.bind(new TextDecoder());
const printError = console.error.bind(console);

const postTo = uncurried(Session.prototype.post);

const session = new Session();
session.connect();

function post(method, params) {
  return new Promise((resolve, reject) => {
    const done = (failure, result) => (failure ? reject(failure) : resolve(result));
    // The session makes JSON of it, and would ask a toJSON of the user's.
    const toJson = getOwnPropertyDescriptor(anyObject, "toJSON");
    if (toJson?.configurable) delete anyObject.toJSON;
    try {
      postTo(session, method, params, done);
    } finally {
      if (toJson?.configurable) defineProperty(anyObject, "toJSON", setPrototypeOf(toJson, null));
    }
  });
}

// ---- values of the isolate, by way of the inspector ----

const handed = create(null);
let handovers = 0;
let handOver; // the inspector's id of the function that receives values

async function openHandOver() {
  globalThis.__belljar = (key, value) => {
    handed[key] = value;
  };
  const { result } = await post("Runtime.evaluate", { expression: "globalThis.__belljar" });
  delete globalThis.__belljar;
  handOver = result.objectId;
}

async function valueOf(remote) {
  if (remote.objectId === undefined) {
    if (remote.unserializableValue === undefined) return remote.value;
    const text = remote.unserializableValue;
    return endsWith(text, "n") ? BigInt(slice(text, 0, -1)) : Number(text);
  }
  const key = handovers++;
  await post("Runtime.callFunctionOn", {
    functionDeclaration: "function (take, key, value) { take(key, value); }",
    objectId: handOver,
    arguments: setPrototypeOf([{ objectId: handOver }, { value: key }, { objectId: remote.objectId }], null),
  });
  const value = handed[key];
  delete handed[key];
  await post("Runtime.releaseObject", { objectId: remote.objectId });
  return value;
}

// ---- code ----

class Thrown {
  constructor(value) {
    this.value = value;
  }
}

// Whatever else runs as TypeScript and as JavaScript alike, and means the same.
const MAYBE_TYPESCRIPT =
  /[:<!?@]|\b(?:as|satisfies|type|interface|enum|declare|namespace|module|abstract|private|public|protected|readonly|override|import|export|implements)\b/;

let modules; // node:module costs more to load than all the rest, and few need it

async function openModules() {
  modules = await import("node:module");
  const directory = cwd().split("/").map(encodeURIComponent).join("/");
  const base = new URL(`file://${directory}/`);
  modules.registerHooks({
    resolve(specifier, context, next) {
      // Evaluated code has no URL. Deno then takes the working directory for one, as if it were a file in its parent.
      const relative = context.parentURL === undefined && /^\.{0,2}\//.test(specifier);
      return next(relative ? new URL(specifier, base).href : specifier, context);
    },
  });
}

async function withoutTypes(code) {
  if (exec(MAYBE_TYPESCRIPT, code) === null) return code;
  if (modules === undefined) await openModules();
  // The first keeps every position; the second knows enums, namespaces and parameter properties.
  for (const mode of ["strip", "transform"]) {
    try {
      return modules.stripTypeScriptTypes(code, { mode });
    } catch {
      // Perhaps it is JavaScript as only scripts may have it; if not, V8 says what is wrong.
    }
  }
  return code;
}

const IMPORT =
  /^import\b\s*(?:([^"';()]*?)\s*\bfrom\s*)?("[^"\n]*"|'[^'\n]*')(?:\s*with\s*(\{[^}]*\}))?[ \t]*;?/;

/** An import declaration as the statement that does the same in a script. */
function dynamicImport(_, clause, specifier, attributes) {
  const module = `await import(${specifier}${attributes ? `, { with: ${attributes} }` : ""})`;
  if (!clause?.trim()) return `void ${module};`;
  const names = [];
  let namespace = "";
  const braces = /\{([^}]*)\}/.exec(clause);
  for (const part of (braces ? braces[1] : "").split(",")) {
    const words = part.trim().split(/\s+as\s+/);
    if (words[0] && !words[0].startsWith("type ")) names.push(words.join(": "));
  }
  for (const part of clause.replace(/\{[^}]*\}/, "").split(",")) {
    const name = part.trim();
    if (name.startsWith("*")) namespace = name.replace(/^\*\s*as\s+/, "");
    else if (name) names.push(`default: ${name}`);
  }
  if (!namespace) return `const { ${names.join(", ")} } = ${module};`;
  const rest = names.length > 0 ? ` const { ${names.join(", ")} } = ${namespace};` : "";
  return `const ${namespace} = ${module};${rest}`;
}

/** Where V8 says that modules only may say this, what scripts say instead; the text itself where nothing can be done. */
function asScript(text, details) {
  let start = 0;
  for (let line = 0; line < details.lineNumber; line++) start = text.indexOf("\n", start) + 1;
  start += details.columnNumber - (details.lineNumber === 0 ? OUTSIDE.length : 0);
  const before = text.slice(0, start);
  const rest = text.slice(start);
  if (/^import\b/.test(rest)) return before + rest.replace(IMPORT, dynamicImport);
  if (/^export\s+(?:const|let|var|function|class|async)\b/.test(rest)) return before + rest.replace(/^export/, "      ");
  return text;
}

/** Whether it did not parse, so that nothing of it ran: then no frame of its own is on the stack. */
function didNotParse(details) {
  const top = details?.stackTrace?.callFrames[0];
  return details?.exception?.className === "SyntaxError" && top?.functionName === "post" &&
    top.url === "ext:deno_node/inspector.js";
}

// Code begins outside the inspector's own call: exiting from within it crashes Deno 2.9.
const OUTSIDE = "await void 0;";

// What scripts that run will come to. Were one collected, because all that it awaits never comes, V8 would say so in the
// midst of that, and Deno 2.9 crash.
const running = new Set();
const hold = running.add.bind(running);
const release = running.delete.bind(running);
const { onInit } = v8.promiseHooks;

async function run(script) {
  const made = create(null); // and so little of it that all can be held: none of the user's code has run when it ends
  let count = 0;
  const stop = onInit((promise) => {
    made[count++] = promise;
  });
  let answer;
  try {
    answer = post("Runtime.evaluate", { expression: OUTSIDE + script, replMode: true, awaitPromise: true });
  } finally {
    stop();
  }
  hold(made);
  try {
    return await answer;
  } finally {
    release(made);
  }
}

async function evaluate(code) {
  let text = await withoutTypes(code);
  let answer;
  if (exec(/^\s*\{/, text) !== null) {
    // An object more likely than a block, as every REPL has it.
    answer = await run(`(${text.replace(/;?\s*$/, "")}\n)`);
    if (didNotParse(answer.exceptionDetails)) answer = undefined;
  }
  answer ??= await run(text);
  while (didNotParse(answer.exceptionDetails)) {
    const next = asScript(text, answer.exceptionDetails);
    if (next === text) break;
    text = next;
    answer = await run(text);
  }
  if (answer.exceptionDetails) throw new Thrown(await valueOf(answer.exceptionDetails.exception));
  return () => valueOf(answer.result);
}

// What Deno looks for beside and above a program when it starts.
const PROJECT = [
  "deno.json", "deno.jsonc", "deno.lock", "package.json", "package-lock.json", "pnpm-workspace.yaml", "tsconfig.json",
  "jsconfig.json", "import_map.json", ".npmrc", ".env", "node_modules", "vendor",
];

function isThere(path) {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Whether a program that started now would find something that this one has not read. */
function inProject() {
  for (let directory = cwd();; directory = directory.slice(0, directory.lastIndexOf("/"))) {
    if (PROJECT.some((name) => isThere(`${directory}/${name}`))) return true;
    if (directory === "") return false;
  }
}

/** What tells a file from another in its place. */
function identityOf(path) {
  try {
    const { dev, ino, size, mtime, ctime } = statSync(path);
    return [path, dev, ino, size, Number(mtime), Number(ctime)].join();
  } catch {
    return "";
  }
}

// By which a program has its time zone, its user and its groups.
const SYSTEM = ["/etc/localtime", "/etc/passwd", "/etc/group"];

/** The files outside of projects that make a program what it is, and the first deno on PATH. */
function surroundings() {
  const places = (environment.get("PATH") ?? "").split(":");
  const deno = places.map((directory) => identityOf(`${directory}/deno`)).find((found) => found !== "");
  return [deno, ...SYSTEM.map(identityOf)].join(" ");
}

const startedIn = cwd();

/** Whether the working directory is what has its name now: something may be mounted there, or stand in its place. */
function isInPlace() {
  try {
    const here = statSync("/proc/self/cwd");
    const there = statSync(startedIn);
    return here.dev === there.dev && here.ino === there.ino;
  } catch {
    return false;
  }
}

let atFirst; // the surroundings when it was asked for the first time, before it was anybody's

/** Takes an environment, unless this is not what a new program would be. */
function become(variables) {
  const now = surroundings();
  atFirst ??= now;
  if (now !== atFirst || !isInPlace() || inProject()) return false;
  for (const name of keys(environment.toObject())) {
    if (!(name in variables)) environment.delete(name);
  }
  for (const name of keys(variables)) environment.set(name, variables[name]);
  return true;
}

async function answerTo(request) {
  if (request.become !== undefined) return become(setPrototypeOf(request.become, null));
  if (request.code !== undefined) {
    const take = await evaluate(request.code);
    return plain(await settled(await take()));
  }
  const name = request.call.replace(/[;\s]+$/, "");
  const take = await evaluate(`((...__belljarArguments) => (${name}\n)(...__belljarArguments))`);
  const call = await take();
  return plain(await settled(call(...request.args)));
}

/** What a promise comes to. */
async function settled(value) {
  return value instanceof Promise ? await value : value;
}

// ---- plain data ----

function plain(value, above = []) {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return isFinite(value) ? value : null;
    case "bigint":
      return String(value);
    case "object":
      break;
    default:
      return null;
  }
  if (value === null) return null;
  if (includes(above, value)) throw new TypeError("Converting circular structure to plain data");
  if (above.length >= DEEPEST) throw new TypeError(`Plain data cannot be more than ${DEEPEST} levels deep`);
  push(above, value);
  try {
    return plainObject(value, above);
  } finally {
    pop(above);
  }
}

/** Without a prototype, as all that is sent: nobody's toJSON changes it. */
function plainList(items, above) {
  const list = setPrototypeOf([], null);
  for (let i = 0; i < items.length; i++) list[i] = plain(items[i], above);
  return list;
}

function plainObject(value, above) {
  if (isArray(value)) return plainList(value, above);
  if (value instanceof Map || value instanceof Set) return plainList(from(value), above);
  if (value instanceof ArrayBuffer) return plainList(new Uint8Array(value), above);
  if (value instanceof DataView) return plainList(new Uint8Array(value.buffer, value.byteOffset, value.byteLength), above);
  if (isView(value)) return plainList(value, above);
  if (value instanceof Date) return isNaN(getTime(value)) ? null : toISOString(value);
  if (value instanceof Error) {
    const { name, message, stack } = value;
    return plain({ __proto__: null, ...value, name, message, stack: ownFrames(stack) }, above);
  }
  if (value instanceof Number || value instanceof String || value instanceof Boolean) {
    return plain(value.valueOf(), above);
  }
  if (typeof value.toJSON === "function") return plain(value.toJSON(), above);
  const object = create(null);
  const names = keys(value);
  for (let i = 0; i < names.length; i++) object[names[i]] = plain(value[names[i]], above);
  return object;
}

/** A stack without the frames of this program, its columns as in the code that was given. */
function ownFrames(trace) {
  if (typeof trace !== "string") return undefined;
  const stack = trace.replace(
    /<anonymous>:1:([0-9]+)/g,
    (place, column) => column > OUTSIDE.length ? `<anonymous>:1:${column - OUTSIDE.length}` : place,
  );
  const end = stack.search(/\n\s+at (?:Session\.post|async evaluate|answerTo|async answerTo|call) \(|\n\s+at [^\n]*\$deno\$eval\.mjs/);
  return end < 0 ? stack : stack.slice(0, end);
}

function isError(value) {
  return value instanceof Error || (typeof value === "object" && value !== null && typeof value.stack === "string");
}

/** What was thrown, with the errors that it carries. */
function plainError(thrown) {
  let errors = 0;
  let room = LONGEST_ERROR;

  const text = (value) => {
    const cut = slice(String(value), 0, room);
    room -= cut.length;
    return cut;
  };
  const carried = (value, above) =>
    isError(value) && !includes(above, value) && above.length < DEEPEST_ERROR && errors < MOST_ERRORS
      ? described(value, above)
      : undefined;
  const carriedList = (list, above) => {
    const carry = setPrototypeOf([], null);
    for (let i = 0; i < list.length; i++) {
      if (!isError(list[i])) return undefined;
      const item = i < MOST_ERRORS ? carried(list[i], above) : undefined;
      if (item !== undefined) carry[carry.length] = item;
    }
    return carry;
  };
  const described = (error, above) => {
    errors++;
    const member = (name) => {
      try {
        return error[name];
      } catch {
        // Its getter throws; the rest is told all the same.
      }
    };
    const code = member("code");
    const list = member("errors");
    const within = [...above, error];
    const stack = ownFrames(member("stack"));
    return {
      __proto__: null,
      constructorName: text(error.constructor?.name || "Error"),
      name: text(error.name),
      message: text(error.message),
      code: typeof code === "string" ? text(code) : undefined,
      stack: stack === undefined ? undefined : text(stack),
      cause: carried(member("cause"), within),
      errors: isArray(list) ? carriedList(list, within) : undefined,
      error: carried(member("error"), within),
      suppressed: carried(member("suppressed"), within),
    };
  };

  return isError(thrown)
    ? described(thrown, [])
    : { __proto__: null, constructorName: "Error", name: "Error", message: text(`Uncaught ${inspect(thrown)}`) };
}

// ---- the control connection ----

async function readExactly(connection, length) {
  const bytes = new Uint8Array(length);
  for (let have = 0; have < length;) {
    const count = await connection.read(subarray(bytes, have));
    if (count === null) return null;
    have += count;
  }
  return bytes;
}

async function receive(connection, largest) {
  const head = await readExactly(connection, 4);
  if (head === null) return null;
  const length = getUint32(new DataView(head.buffer), 0);
  if (length > largest) return null;
  const body = await readExactly(connection, length);
  return body === null ? null : parse(decode(body));
}

function frameOf(message) {
  const body = encode(stringify(message));
  if (body.length > LARGEST) throw new RangeError(`The value is larger than ${LARGEST} bytes`);
  const frame = new Uint8Array(4 + body.length);
  setUint32(new DataView(frame.buffer), 0, body.length);
  setBytes(frame, body, 4);
  return frame;
}

let sent; // the frames before, as a promise: they do not mix

function send(connection, frame) {
  const before = sent;
  sent = (async () => {
    await before;
    for (let count = 0; count < frame.length;) count += await connection.write(subarray(frame, count));
  })();
  return sent;
}

async function answer(connection, request) {
  const { id } = request;
  let frame;
  try {
    frame = frameOf({ __proto__: null, id, value: await answerTo(request) });
  } catch (failure) {
    let error;
    try {
      error = plainError(failure instanceof Thrown ? failure.value : failure);
      frame = frameOf({ __proto__: null, id, error });
    } catch {
      error = { __proto__: null, constructorName: "Error", name: "Error", message: "Uncaught (it cannot be described)" };
      frame = frameOf({ __proto__: null, id, error });
    }
  }
  await send(connection, frame);
}

function lost(failure) {
  printError("The evaluator lost its control connection:", failure);
  exit(1);
}

/**
 * The host asks one thing after another, but gives some up and asks the next. It is always listened to, which also keeps the
 * program going while all that is awaited never comes.
 */
async function serve(connection) {
  await send(connection, frameOf({ __proto__: null, id: 0 }));
  for (;;) {
    const request = await receive(connection, LARGEST);
    if (request === null) exit(0);
    then(answer(connection, request), undefined, lost);
  }
}

for (const [event, subject] of [["unhandledrejection", "reason"], ["error", "error"]]) {
  addEventListener(event, (uncaught) => {
    uncaught.preventDefault();
    printError(`Uncaught ${event === "error" ? "" : "(in promise) "}${inspect(uncaught[subject])}`);
  });
}

await openHandOver();
const token = crypto.randomUUID();
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
Deno.stdout.writeSync(encode(`belljar ${listener.addr.port} ${token}\n`));

const control = await new Promise((resolve) => {
  const greet = async (connection) => {
    try {
      const greeting = await receive(connection, 1024);
      if (greeting?.token === token) resolve(connection);
      else connection.close();
    } catch {
      connection.close();
    }
  };
  (async () => {
    for await (const connection of listener) greet(connection);
  })().catch(() => {});
});
listener.close();
then(serve(control), undefined, lost);
