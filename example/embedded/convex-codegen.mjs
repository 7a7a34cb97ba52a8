// @ts-check
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { brotliDecompressSync } from "node:zlib";
import { analyzePush } from "./push-analysis.mjs";

/** The CLI takes a few seconds; it has hung if it takes this long. */
const TIMEOUT_MS = 120_000;

/** What a deployment without any code answers: the CLI then uploads all modules. */
const EMPTY_DEPLOYMENT = {
  config: { functions: "convex/", authInfo: [] },
  moduleHashes: [],
  nodeDependencies: [],
  udfServerVersion: "0.0.0",
};

/**
 * Runs `convex codegen` in a project. The CLI uploads the bundled modules to a
 * deployment and asks what they contain; a server on the loopback interface
 * answers in the deployment's stead.
 * @param {string} project
 * @returns {Promise<{ succeeded: boolean, output: string }>}
 */
export async function generate(project) {
  const server = createServer((request, response) => {
    void answer(project, request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  try {
    return await runCli(project, `http://127.0.0.1:${port}`);
  } finally {
    server.close();
  }
}

/**
 * @param {string} project
 * @param {string} url
 * @returns {Promise<{ succeeded: boolean, output: string }>}
 */
async function runCli(project, url) {
  const cli = path.join(project, "node_modules/convex/bin/main.js");
  const child = spawn(
    process.execPath,
    [cli, "codegen", "--typecheck", "disable", "--url", url, "--admin-key", "-"],
    { cwd: project, env: offline(process.env), timeout: TIMEOUT_MS },
  );
  process.once("exit", () => child.kill());

  const closed = once(child, "close");
  const printed = await Promise.all([buffer(child.stdout), buffer(child.stderr)]);
  const [exitCode] = await closed;
  return { succeeded: exitCode === 0, output: printed.join("") };
}

/**
 * @param {NodeJS.ProcessEnv} environment
 * @returns {NodeJS.ProcessEnv} the same without a deployment of the developer's,
 * and with `CI`, which keeps the CLI from reporting to its makers
 */
function offline(environment) {
  const others = Object.entries(environment).filter(([name]) => !name.startsWith("CONVEX_"));
  return { ...Object.fromEntries(others), CI: "1" };
}

/**
 * @param {string} project
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 */
async function answer(project, request, response) {
  const body = await buffer(request);
  try {
    switch (request.url) {
      case "/api/get_config_hashes":
        return reply(response, 200, EMPTY_DEPLOYMENT);
      case "/api/deploy2/start_push":
        return reply(response, 200, await analyzePush(decode(request, body), project));
      default:
        return reply(response, 404, {
          code: "NotFound",
          message: `${request.url} is not known to the offline code generation`,
        });
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    reply(response, 400, { code: "InvalidModules", message });
  }
}

/**
 * @param {import("node:http").IncomingMessage} request
 * @param {Buffer} body
 */
function decode(request, body) {
  const compressed = request.headers["content-encoding"] === "br";
  return JSON.parse(String(compressed ? brotliDecompressSync(body) : body));
}

/**
 * @param {import("node:http").ServerResponse} response
 * @param {number} status
 * @param {object} body
 */
function reply(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
