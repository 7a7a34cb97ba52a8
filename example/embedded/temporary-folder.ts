import fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const folders = new Set<string>();

process.once("exit", removeTemporaryFolders);

/** @returns a new folder that lasts as long as the process, by the path that Node and esbuild know it by */
export function temporaryFolder(purpose: string): string {
  const folder = fs.mkdtempSync(path.join(fs.realpathSync(tmpdir()), `embedded-${purpose}-`));
  folders.add(folder);
  return folder;
}

export function removeTemporaryFolders(): void {
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
  folders.clear();
}
