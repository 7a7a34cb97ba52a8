/**
 * `npm run codegen`: writes the `_generated` folders of an app in convex/ and of
 * the component that it mounts, with the Convex CLI and an embedded deployment:
 *
 *   --check   fails if anything would change
 *
 * The CLI works on a copy of the project, since it writes stubs before it knows
 * whether the code loads: a run that fails leaves the project as it was.
 */
import { parseArgs } from "node:util";
import { runCli } from "./cli.js";
import { applyChanges, compareGenerated } from "./generated-files.js";
import { authEnvironment, newAdminKey, newSigningKey } from "./keys.js";
import { copyProject } from "./project-copy.js";
import { startDeployment } from "./server.js";

const { values: options } = parseArgs({
  options: { check: { type: "boolean", default: false } },
});

// Copies and child processes go when the process exits, which a signal alone
// would not let them.
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

generate(process.cwd()).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});

async function generate(project: string): Promise<never> {
  const copy = copyProject(project);
  const deployment = await startDeployment({
    port: 0,
    sitePort: 0,
    dataDir: null,
    adminKey: newAdminKey(),
    env: authEnvironment(await newSigningKey()),
    // What the deployment refuses, the CLI prints.
    log: { ...console, info() {}, log() {} },
  });
  const { succeeded, output } = await runCli(copy, deployment, ["codegen", "--typecheck", "disable"]);
  await deployment.close();
  if (!succeeded) {
    console.error(withPathsOf(project, copy, output));
    process.exit(1);
  }

  const changes = compareGenerated(project, copy);
  for (const { file, state } of changes) console.log(`${state}: ${file}`);
  if (options.check && changes.length > 0) {
    console.error("Generated code is out of date: run `npm run codegen`.");
    process.exit(1);
  }
  applyChanges(project, copy, changes);
  console.log(changes.length > 0 ? "Generated." : "Generated code is up to date.");
  // Modules of the app have run here, and may have left timers.
  process.exit(0);
}

/** A deployment names files as seen from its bundles, and the CLI those of the copy. */
function withPathsOf(project: string, copy: string, text: string): string {
  return text.replaceAll(copy, project).replace(/(?<=\bat .*)\.\.\/(?=[^\s:]+:\d+:\d+)/g, `${project}/`);
}
