// `npm run walk`: a walk through the app in convex/, with its real functions, in this process.
import { fileURLToPath } from "node:url";
import { createServer } from "vite";

// Vite loads the TypeScript and expands the globs; nothing is served.
const vite = await createServer({
  configFile: false,
  root: fileURLToPath(new URL("..", import.meta.url)),
  logLevel: "error",
  appType: "custom",
  server: { middlewareMode: true, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true },
});
try {
  const { walk } = await vite.ssrLoadModule("/example/walk.ts");
  await walk();
} finally {
  await vite.close();
}
