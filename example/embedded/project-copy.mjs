// @ts-check
import fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const LEFT_OUT = new Set(["node_modules", "dist", "coverage", "_generated"]);

/**
 * Copies a project's sources to a temporary folder, which shares the installed
 * packages and lasts as long as the process.
 * @param {string} project
 * @returns {string} the folder
 */
export function copyProject(project) {
  // esbuild and Node name files by their real paths, and messages about them
  // are translated back by this one.
  const copy = fs.mkdtempSync(path.join(fs.realpathSync(tmpdir()), "codegen-"));
  process.once("exit", () => fs.rmSync(copy, { recursive: true, force: true }));

  fs.cpSync(project, copy, {
    recursive: true,
    filter: (file) => file === project || isSource(path.basename(file)),
  });
  fs.symlinkSync(path.join(project, "node_modules"), path.join(copy, "node_modules"), "dir");
  return copy;
}

/** @param {string} name */
function isSource(name) {
  return !name.startsWith(".") && !LEFT_OUT.has(name);
}
