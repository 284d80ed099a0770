import { execFile } from "node:child_process";
import { join } from "node:path";
import { labPart, partSkipReason } from "./lab-parts.ts";

export interface PromtoolEnd {
  readonly code: number;
  /** stdout, then stderr. */
  readonly output: string;
}

/** For the `skip` option of a test. */
export const promtoolSkip: string | false = partSkipReason("prometheus") ?? false;

/** Runs promtool, at most three minutes, with `input` on its stdin. */
export async function runPromtool(args: readonly string[], input = ""): Promise<PromtoolEnd> {
  const program = join(await labPart("prometheus"), "promtool");
  return new Promise((resolve) => {
    const child = execFile(program, args, { timeout: 180_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, output: stdout + stderr });
    });
    child.stdin?.end(input);
  });
}
