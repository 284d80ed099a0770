import { describeFeed } from "../agent/feed/feed-status.ts";
import { describeSigned } from "../agent/signed-record.ts";
import type { StatusDocument } from "../agent/status-document.ts";
import type { HealthStatus } from "../core/evidence/assess-health.ts";
import { describeFailedProbe } from "../core/evidence/assess-probes.ts";
import type { RegistryEvidence, VerdictName } from "../core/evidence/evidence-report.ts";
import { formatAge } from "../core/evidence/format-age.ts";
import { mirrorHost } from "../core/evidence/registry-hosts.ts";
import { plainText } from "../core/plain-text.ts";

/** The verdict, a row for each registry, then what is wrong. Ends with a newline. */
export function formatStatus(status: StatusDocument, color: boolean): string {
  const paint = (text: string, code: number) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const verdict = paint(plainText(status.summary.sentence), STATUS_COLORS[status.summary.status]);
  const parts = [
    [verdict],
    registryRows(status, paint),
    troubleLines(status),
    sourceLines(status),
    status.feed === undefined ? [] : describeFeed(status.feed, status.atMs).map(plainText),
    [selfLine(status)],
  ];
  return `${parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

type Paint = (text: string, code: number) => string;

const STATUS_COLORS: Readonly<Record<HealthStatus, number>> = { pass: 32, warn: 33, fail: 31 };
const VERDICT_COLORS: Readonly<Record<VerdictName, number>> = {
  mirrored: 32,
  mixed: 33,
  bypassed: 31,
  failing: 31,
  unproven: 36,
};

const HEAD = ["REGISTRY", "VERDICT", "EVIDENCE", "SINCE", "MIRROR"] as const;

function registryRows({ evidence, atMs }: StatusDocument, paint: Paint): readonly string[] {
  if (evidence.registries.length === 0) return [];
  const rows = evidence.registries.map((one) => cellsOf(one, atMs).map(plainText));
  const widths = HEAD.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[], verdict?: VerdictName) =>
    cells
      .map((cell, column) => {
        const padded = column === HEAD.length - 1 ? cell : cell.padEnd(widths[column] ?? 0);
        return column === 1 && verdict !== undefined ? paint(padded, VERDICT_COLORS[verdict] ?? 0) : padded;
      })
      .join("  ")
      .trimEnd();
  return [line(HEAD), ...rows.map((cells, index) => line(cells, evidence.registries[index]?.verdict.name))];
}

function cellsOf(
  { namespace, verdict, mirrors, probes, upstream }: RegistryEvidence,
  nowMs: number,
): readonly string[] {
  const { source, lastMs, sinceMs } = verdict;
  const proof =
    source === undefined || lastMs === undefined ? "none" : `${source}, ${formatAge(nowMs - lastMs)} ago`;
  const hosts = [...new Set(mirrors.map(mirrorHost))].map((host) => {
    const failed = probes.find((probe) => probe.role === "mirror" && probe.host === host && !probe.ok);
    return failed === undefined ? host : `${host} (fails at ${failed.failedPhase ?? "its probe"})`;
  });
  const closed = upstream === "never" ? " (upstream closed)" : "";
  return [namespace, verdict.name, proof, formatAge(nowMs - sinceMs), `${hosts.join(", ")}${closed}`];
}

function troubleLines({ health, config, findings, evidence }: StatusDocument): readonly string[] {
  const byOutput = new Map<string, string[]>();
  for (const { registry, output, status } of health) {
    if (status === "pass") continue;
    const same = byOutput.get(output);
    if (same === undefined) byOutput.set(output, [registry]);
    else same.push(registry);
  }
  const told = new Set<string>();
  const registries = [...byOutput].map(
    ([output, names]) => `${names.join(", ")}: ${tellOnce(output, evidence, told)}`,
  );
  const conditions = (config?.conditions ?? [])
    .filter(({ type }) => type !== "Ready")
    .map(({ type, message }) => `${type}: ${message}`);
  const found = findings.map(({ severity, code, where, message, fix }) => {
    const advice = fix === "" ? "" : `; ${fix}`;
    return `${where}: ${severity}: ${message}${advice} (${code})`;
  });
  return [...registries, ...conditions, ...found].map(plainText);
}

/** A mirror that fails in the same way for several registries is described with the first of them. */
function tellOnce(output: string, { registries }: StatusDocument["evidence"], told: Set<string>): string {
  const failed = registries.flatMap(({ probes }) => probes).filter(({ ok }) => !ok);
  const hosts = new Map(failed.map((probe) => [describeFailedProbe(probe), probe.host]));
  let shown = output;
  for (const [words, host] of hosts) {
    if (!output.includes(words)) continue;
    if (told.has(words)) shown = shown.replaceAll(words, `${host} fails as said above`);
    told.add(words);
  }
  return shown;
}

/** Only those that do not see what they would. */
function sourceLines({ evidence }: StatusDocument): readonly string[] {
  const down = evidence.sources.filter(({ up }) => !up);
  return down.map(({ source, message }) =>
    plainText(`no evidence by ${source}${message === "" ? "" : `: ${message}`}`),
  );
}

function selfLine({ agent, containerd, config, atMs }: StatusDocument): string {
  const observed = config?.observedGeneration ?? 0;
  const generation = observed === 0 ? "" : `, generation ${observed} in force`;
  const signed = config?.signed === undefined ? "" : `, ${describeSigned(config.signed, atMs)}`;
  const started = `mirrorlet ${agent.version}, started ${formatAge(atMs - agent.startedMs)} ago`;
  return plainText(
    `${started}; containerd ${containerd.version ?? "of unknown version"}${generation}${signed}`,
  );
}
