// `npm run compat`: every method of the peers' clients against a deployment, and the table of results.
// `npm run compat -- --write` writes it into the README.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const folder = fs.mkdtempSync(path.join(tmpdir(), "compat-"));
const COMPAT_TABLE = path.join(folder, "table.md");
try {
  const env = { ...process.env, COMPAT_TABLE };
  if (process.argv.includes("--write")) env.COMPAT_WRITE = "1";
  const vitest = path.resolve(import.meta.dirname, "../../node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", "--project", "compat", "--reporter", "dot"];
  const { status } = spawnSync(process.execPath, args, { env, stdio: "inherit" });
  if (fs.existsSync(COMPAT_TABLE)) console.log(fs.readFileSync(COMPAT_TABLE, "utf8"));
  process.exitCode = status ?? 1;
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
