import fs from "node:fs";
import path from "node:path";
import { temporaryFolder } from "./temporary-folder.js";

const LEFT_OUT = new Set(["node_modules", "dist", "coverage", "_generated"]);

/**
 * Copies a project's sources to a temporary folder, which shares the installed
 * packages and lasts as long as the process.
 * @returns the folder
 */
export function copyProject(project: string): string {
  const copy = temporaryFolder("codegen");
  fs.cpSync(project, copy, {
    recursive: true,
    filter: (file) => file === project || isSource(path.basename(file)),
  });
  fs.symlinkSync(path.join(project, "node_modules"), path.join(copy, "node_modules"), "dir");
  return copy;
}

function isSource(name: string): boolean {
  return !name.startsWith(".") && !LEFT_OUT.has(name);
}
