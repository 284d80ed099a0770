import type { Check } from "./judge-soak.ts";
import type { SoakRecord } from "./run-soak.ts";

const MOST_SHOWN = 20;

/** Markdown: what was done, each promise with its figure, and what broke. */
export function reportSoak(record: SoakRecord, checks: readonly Check[], machine: string): string {
  const { minutes, seed, containerd } = record.options;
  const broken = checks.filter(({ wrong }) => wrong.length > 0);
  const rows = checks.map(
    ({ name, figure, wrong }) => `| ${name} | ${figure} | ${wrong.length === 0 ? "held" : "**broken**"} |`,
  );
  const details = broken.flatMap(({ name, wrong }) => [
    `\n### ${name}\n`,
    ...wrong.slice(0, MOST_SHOWN).map((text) => `- ${text}`),
    ...(wrong.length > MOST_SHOWN ? [`- and ${wrong.length - MOST_SHOWN} more`] : []),
  ]);
  const errors = Object.entries(record.errors).map(([message, count]) => `- ${count} × ${message}`);
  return `# Soak: ${broken.length === 0 ? "all held" : `${broken.length} promises broken`}

${((record.toMs - record.fromMs) / 60_000).toFixed(1)} minutes (asked: ${minutes}), seed ${seed}, containerd ${containerd}, from the ${record.installed}. ${machine}
The moods of mirrors changed ${record.happenings.filter(({ kind }) => kind === "mood").length} times.

| promise | figure | |
|---|---|---|
${rows.join("\n")}
${details.join("\n")}
${errors.length === 0 ? "" : `\nErrors in the agent's journal:\n\n${errors.slice(0, MOST_SHOWN).join("\n")}\n`}`;
}
