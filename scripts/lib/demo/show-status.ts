import { join } from "node:path";
import { tryMirrorlet } from "../run-mirrorlet.ts";
import { timed } from "../timed.ts";
import type { Screen } from "./screen.ts";

const PATIENCE_MS = 30_000;

/** The head of `mirrorlet status` as soon as it says what it has to; rejects when it does not in half a minute. */
export async function showStatus(
  { screen, directory }: { readonly screen: Screen; readonly directory: string },
  code: number,
  firstLine: RegExp,
): Promise<void> {
  const args = ["status", "--config", join(directory, "agent.toml")];
  const { value: stdout, ms } = await timed(async () => {
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const shown = await tryMirrorlet(args);
      if (shown.code === code && firstLine.test(shown.stdout)) return shown.stdout;
      if (performance.now() > deadlineMs)
        throw new Error(`mirrorlet status ends with ${shown.code} and says: ${shown.stdout}`);
    }
  });
  screen.took(`mirrorlet status, its head; exit code ${code}`, ms);
  screen.quote(stdout.split("\n\n").slice(0, 2).join("\n\n"));
}
