// From npm, the client takes the classes of its errors from a shim of the Deno namespace, which has no `NotADirectory`
// and knows nothing of the real ones; from jsr, under Deno, it takes Deno's own. The suite wants what users of jsr see,
// so it puts Deno's classes into the shim before the client is used. The client itself stays as it was published.
import { Deno as shim } from "@deno/shim-deno";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);
const main = require.resolve("@deno/shim-deno");
const own = require(join(dirname(main), "deno/stable/variables/errors.js"));
const seen = shim.errors as Record<string, unknown>;
for (const [name, type] of Object.entries(Deno.errors)) {
  if (name in own) own[name] = type;
  else seen[name] = type;
}
