// `npm run mutants [-- PART OF A RULE]`: breaks each rule on purpose, and shows which test notices.
import { fileURLToPath } from "node:url";
import { createServer } from "vite";

const root = fileURLToPath(new URL("../..", import.meta.url));
// Vite loads the TypeScript; nothing is served.
const vite = await createServer({
  configFile: false,
  root,
  logLevel: "error",
  appType: "custom",
  server: { middlewareMode: true, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true },
});
try {
  const { tryMutations } = await vite.ssrLoadModule("/test/mutations/runner.ts");
  process.exitCode = (await tryMutations(root, process.argv.slice(2).join(" "))) ? 0 : 1;
} finally {
  await vite.close();
}
