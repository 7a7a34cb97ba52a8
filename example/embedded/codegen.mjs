// @ts-check
/**
 * Writes the `_generated` folders of the app in convex/ and of the component
 * that it mounts, with the Convex CLI and without a deployment:
 *
 *   node example/embedded/codegen.mjs           writes what has changed
 *   node example/embedded/codegen.mjs --check   fails if anything would change
 *
 * The CLI works on a copy of the project, since it writes stubs before it knows
 * whether the code loads: a run that fails leaves the project as it was.
 */
import { parseArgs } from "node:util";
import { generate } from "./convex-codegen.mjs";
import { applyChanges, compareGenerated } from "./generated-files.mjs";
import { copyProject } from "./project-copy.mjs";

const { values: options } = parseArgs({
  options: { check: { type: "boolean", default: false } },
});

// Copies and child processes go when the process exits, which a signal alone
// would not let them.
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

const project = process.cwd();
const copy = copyProject(project);
const { succeeded, output } = await generate(copy);
if (!succeeded) {
  console.error(output.replaceAll(copy, project));
  process.exit(1);
}

const changes = compareGenerated(project, copy);
for (const { file, state } of changes) {
  console.log(`${state}: ${file}`);
}
if (options.check && changes.length > 0) {
  console.error("Generated code is out of date: run `npm run codegen`.");
  process.exit(1);
}
applyChanges(project, copy, changes);
console.log(changes.length > 0 ? "Generated." : "Generated code is up to date.");
// Modules of the app have run here, and may have left timers.
process.exit(0);
