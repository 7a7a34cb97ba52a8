// @ts-check
import fs from "node:fs";
import path from "node:path";

/**
 * @typedef {object} Change
 * @property {string} file path in the project
 * @property {"missing" | "stale" | "extra"} state what is wrong with the project's file
 */

/**
 * What has to change in `project` so that its `_generated` folders equal those
 * in `fresh`. A folder that `fresh` does not have is nobody's business here.
 * @param {string} project
 * @param {string} fresh
 * @returns {Change[]}
 */
export function compareGenerated(project, fresh) {
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

/**
 * @param {string} project
 * @param {string} fresh
 * @param {Change[]} changes
 */
export function applyChanges(project, fresh, changes) {
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

/** @param {string} root */
function generatedFolders(root) {
  return entriesUnder(root)
    .filter((entry) => entry.isDirectory() && entry.name === "_generated")
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
}

/**
 * @param {string} root
 * @param {string[]} folders
 * @returns {Map<string, string>} by path in `root`
 */
function contentsByFile(root, folders) {
  const files = folders
    .flatMap((folder) => entriesUnder(path.join(root, folder)))
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  return new Map(files.map((file) => [path.relative(root, file), fs.readFileSync(file, "utf8")]));
}

/** @param {string} folder */
function entriesUnder(folder) {
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder, { recursive: true, withFileTypes: true });
}
