import Anthropic from "npm:@anthropic-ai/sdk";
import { Sandbox } from "jsr:@deno/sandbox";
const client = new Anthropic();
const response = await client.messages.create({
  model: "claude-opus-4-6",
  max_tokens: 1024,
  messages: [{
    role: "user",
    content:
      "Write a Deno script that fetches the current Bitcoin price from the CoinGecko API and prints it.",
  }],
});
const firstBlock = response.content[0];
if (firstBlock.type !== "text") {
  throw new Error(`Unexpected content type: ${firstBlock.type}`);
}
const generatedCode = extractCode(firstBlock.text);
await using sandbox = await Sandbox.create();
await sandbox.fs.writeTextFile("/tmp/generated.ts", generatedCode);
const child = await sandbox.spawn("deno", {
  args: [
    "run",
    "--allow-net=api.coingecko.com", // Only the specific host we expect
    "/tmp/generated.ts",
  ],
  stdout: "piped",
  stderr: "piped",
});
const timeout = setTimeout(() => child.kill(), 10_000);
try {
  const output = await child.output();
  console.log("Output:\n", output.stdoutText ?? "No output");
  if (!output.status.success) {
    console.error("Error:\n", output.stderrText ?? "No error output");
  }
} finally {
  clearTimeout(timeout);
}
function extractCode(text: string): string {
  const match = text.match(
    /```(?:typescript|ts|javascript|js)?\n([\s\S]*?)```/,
  );
  return match ? match[1] : text;
}
