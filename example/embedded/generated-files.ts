import fs from "node:fs";
import path from "node:path";

export interface Change {
  /** Path in the project. */
  file: string;
  /** What is wrong with the project's file. */
  state: "missing" | "stale" | "extra";
}

/**
 * What has to change in `project` so that its `_generated` folders equal those
 * in `fresh`. A folder that `fresh` does not have is nobody's business here.
 */
export function compareGenerated(project: string, fresh: string): Change[] {
  const folders = generatedFolders(fresh);
  const expected = contentsByFile(fresh, folders);
  const present = contentsByFile(project, folders);
  const files = new Set([...expected.keys(), ...present.keys()]);
  return [...files]
    .filter((file) => expected.get(file) !== present.get(file))
    .sort()
    .map((file) => ({
      file,
      state: !present.has(file) ? "missing" : expected.has(file) ? "stale" : "extra",
    }));
}

export function applyChanges(project: string, fresh: string, changes: Change[]): void {
  for (const { file, state } of changes) {
    const target = path.join(project, file);
    if (state === "extra") {
      fs.rmSync(target);
    } else {
      fs.mkdirSync(path.dirname(target), { recursive: true });
      fs.copyFileSync(path.join(fresh, file), target);
    }
  }
}

function generatedFolders(root: string): string[] {
  return entriesUnder(root)
    .filter((entry) => entry.isDirectory() && entry.name === "_generated")
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
}

/** By path in `root`. */
function contentsByFile(root: string, folders: string[]): Map<string, string> {
  const files = folders
    .flatMap((folder) => entriesUnder(path.join(root, folder)))
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  return new Map(files.map((file) => [path.relative(root, file), fs.readFileSync(file, "utf8")]));
}

function entriesUnder(folder: string): fs.Dirent[] {
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder, { recursive: true, withFileTypes: true });
}
