import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

/** Pushes that this file's tests make in their own process keep their journals in a folder that goes away with them. */
export function ownState(): void {
  const folder = mkdtempSync(join(tmpdir(), "mirrorlet-state-"));
  process.env["XDG_STATE_HOME"] = folder;
  after(() => rmSync(folder, { recursive: true, force: true }));
}
