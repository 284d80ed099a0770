import { plainText } from "../core/plain-text.ts";
import type { BundleDeps, BundleVerifyOptions, FoundBundle } from "./bundle-commands.ts";
import { bundleJson } from "./bundle-json.ts";
import { count, countBad, noteLines, problemLines, summary } from "./bundle-text.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { type OpenedSource, openSources } from "./open-sources.ts";
import { hangText } from "./wrap-text.ts";

/**
 * `bundle verify SOURCE…`: computes every digest and looks for what is missing, without a registry. 1 when something is
 * wrong, broken archives included, 65 for what is no bundle, 2 for what cannot be read.
 */
export async function bundleVerify(
  sources: readonly string[],
  { allowMissingPlatforms = false }: Pick<BundleVerifyOptions, "allowMissingPlatforms">,
  io: CommandIo,
  deps: BundleDeps,
): Promise<ExitCode> {
  const opened = (await openSources("verifying", sources, deps.verify, io, deps)).map((one) =>
    one.ok && allowMissingPlatforms ? { ...one, found: forgive(one.found) } : one,
  );
  if (io.json)
    printJson(io, "bundle-verify", {
      ok: opened.every(isFine),
      bundles: opened.map((one) =>
        one.ok
          ? { ok: isFine(one), ...bundleJson(one.source, one.found) }
          : { ok: false, source: one.source, error: { code: one.error.code, message: one.error.message } },
      ),
    });
  else
    for (const one of opened) {
      if (one.ok) io.stdout(verdictText(one.source, one.found, io.columns));
    }
  const codes = opened.map(exitCodeOf);
  return ([1, 65, 2] as const).find((code) => codes.includes(code)) ?? 0;
}

/** What was left out on purpose is told, and no more. */
function forgive(found: FoundBundle): FoundBundle {
  const problems = found.problems.map((one) =>
    one.severity === "left-out" ? ({ ...one, severity: "warning" } as const) : one,
  );
  return { ...found, problems };
}

function verdictText(source: string, found: FoundBundle, columns: number | undefined): string {
  const bad = countBad(found);
  const details = [...problemLines(found, columns), ...noteLines(found, columns)];
  const isLeftOut = found.problems.some(({ code }) => code === "increment" || code === "left-out-platform");
  const verdict =
    bad === 0
      ? `every digest is right, and nothing is missing${isLeftOut ? " but what was left out on purpose" : ""}`
      : `${count(bad, "error")}: it cannot be pushed whole`;
  const about = (text: string): readonly string[] => hangText(`${plainText(source)}: ${text}`, columns);
  return `${[...about(summary(found)), ...details, ...about(verdict)].join("\n")}\n`;
}

function isFine(one: OpenedSource): boolean {
  return one.ok && countBad(one.found) === 0;
}

function exitCodeOf(one: OpenedSource): ExitCode {
  if (one.ok) return isFine(one) ? 0 : 1;
  const { code } = one.error;
  if (code === "unreadable") return 2;
  return code === "damaged" || code === "refused" ? 1 : 65;
}
