// Evaluates code for the host, in this isolate, with the semantics of a REPL. Runs as `deno eval`, so that imports are
// relative to the working directory. The first line on stdout is "belljar PORT TOKEN"; a connection to that port of the
// loopback which begins with the token becomes the control connection, and the listener is closed. Messages are JSON
// behind a 32-bit length, big-endian; each request {id, code} or {id, call, args} has one answer {id, value} or {id, error}.
import { Session } from "node:inspector";

const LARGEST = 64 << 20;
const DEEPEST = 500;
// Of an error and those that it carries: how many, how deep, and the characters of all their texts.
const MOST_ERRORS = 64;
const DEEPEST_ERROR = 8;
const LONGEST_ERROR = 1 << 20;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const { parse, stringify } = JSON;
const { error: printError } = console;
const { exit, inspect } = Deno;

const session = new Session();
session.connect();

function post(method, params) {
  return new Promise((resolve, reject) =>
    session.post(method, params, (failure, result) => (failure ? reject(failure) : resolve(result)))
  );
}

// ---- values of the isolate, by way of the inspector ----

let handed;
let handOver; // the inspector's id of the function that receives values

async function openHandOver() {
  globalThis.__belljar = (value) => {
    handed = value;
  };
  const { result } = await post("Runtime.evaluate", { expression: "globalThis.__belljar" });
  delete globalThis.__belljar;
  handOver = result.objectId;
}

async function valueOf(remote) {
  if (remote.objectId === undefined) {
    if (remote.unserializableValue === undefined) return remote.value;
    const text = remote.unserializableValue;
    return text.endsWith("n") ? BigInt(text.slice(0, -1)) : Number(text);
  }
  await post("Runtime.callFunctionOn", {
    functionDeclaration: "function (take, value) { take(value); }",
    objectId: handOver,
    arguments: [{ objectId: handOver }, { objectId: remote.objectId }],
  });
  const value = handed;
  handed = undefined;
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
  const directory = Deno.cwd().split("/").map(encodeURIComponent).join("/");
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
  if (!MAYBE_TYPESCRIPT.test(code)) return code;
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

async function evaluate(code) {
  let text = await withoutTypes(code);
  const run = (script) => post("Runtime.evaluate", { expression: OUTSIDE + script, replMode: true, awaitPromise: true });
  let answer;
  if (/^\s*\{/.test(text)) {
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

async function answerTo(request) {
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
      return Number.isFinite(value) ? value : null;
    case "bigint":
      return String(value);
    case "object":
      break;
    default:
      return null;
  }
  if (value === null) return null;
  if (above.includes(value)) throw new TypeError("Converting circular structure to plain data");
  if (above.length >= DEEPEST) throw new TypeError(`Plain data cannot be more than ${DEEPEST} levels deep`);
  above.push(value);
  try {
    return plainObject(value, above);
  } finally {
    above.pop();
  }
}

function plainObject(value, above) {
  const list = (items) => Array.from(items, (item) => plain(item, above));
  if (Array.isArray(value)) return list(value);
  if (value instanceof Map) return Array.from(value, ([key, item]) => [plain(key, above), plain(item, above)]);
  if (value instanceof Set) return list(value);
  if (value instanceof ArrayBuffer) return list(new Uint8Array(value));
  if (value instanceof DataView) return list(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  if (ArrayBuffer.isView(value)) return list(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Error) {
    const { name, message, stack } = value;
    return plain({ ...value, name, message, stack: ownFrames(stack) }, above);
  }
  if (value instanceof Number || value instanceof String || value instanceof Boolean) {
    return plain(value.valueOf(), above);
  }
  if (typeof value.toJSON === "function") return plain(value.toJSON(), above);
  const object = {};
  for (const key of Object.keys(value)) {
    // A property of that name, not the prototype.
    Object.defineProperty(object, key, { value: plain(value[key], above), enumerable: true });
  }
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
    const cut = String(value).slice(0, room);
    room -= cut.length;
    return cut;
  };
  const carried = (value, above) =>
    isError(value) && !above.includes(value) && above.length < DEEPEST_ERROR && errors < MOST_ERRORS
      ? described(value, above)
      : undefined;
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
      constructorName: text(error.constructor?.name || "Error"),
      name: text(error.name),
      message: text(error.message),
      code: typeof code === "string" ? text(code) : undefined,
      stack: stack === undefined ? undefined : text(stack),
      cause: carried(member("cause"), within),
      errors: Array.isArray(list) && list.every(isError)
        ? list.slice(0, MOST_ERRORS).map((item) => carried(item, within)).filter((item) => item !== undefined)
        : undefined,
      error: carried(member("error"), within),
      suppressed: carried(member("suppressed"), within),
    };
  };

  return isError(thrown)
    ? described(thrown, [])
    : { constructorName: "Error", name: "Error", message: text(`Uncaught ${inspect(thrown)}`) };
}

// ---- the control connection ----

async function readExactly(connection, length) {
  const bytes = new Uint8Array(length);
  for (let have = 0; have < length;) {
    const count = await connection.read(bytes.subarray(have));
    if (count === null) return null;
    have += count;
  }
  return bytes;
}

async function receive(connection, largest) {
  const head = await readExactly(connection, 4);
  if (head === null) return null;
  const length = new DataView(head.buffer).getUint32(0);
  if (length > largest) return null;
  const body = await readExactly(connection, length);
  return body === null ? null : parse(decoder.decode(body));
}

async function send(connection, message) {
  const body = encoder.encode(stringify(message));
  if (body.length > LARGEST) throw new RangeError(`The value is larger than ${LARGEST} bytes`);
  const frame = new Uint8Array(4 + body.length);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, 4);
  for (let sent = 0; sent < frame.length;) sent += await connection.write(frame.subarray(sent));
}

async function serve(connection) {
  await send(connection, { id: 0 });
  for (;;) {
    const request = await receive(connection, LARGEST);
    if (request === null) exit(0);
    try {
      await send(connection, { id: request.id, value: await answerTo(request) });
    } catch (failure) {
      let error;
      try {
        error = plainError(failure instanceof Thrown ? failure.value : failure);
      } catch {
        error = { constructorName: "Error", name: "Error", message: "Uncaught (it cannot be described)" };
      }
      await send(connection, { id: request.id, error });
    }
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
Deno.stdout.writeSync(encoder.encode(`belljar ${listener.addr.port} ${token}\n`));

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
serve(control).catch((failure) => {
  printError("The evaluator lost its control connection:", failure);
  exit(1);
});
