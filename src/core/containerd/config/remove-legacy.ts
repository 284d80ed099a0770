import type { TomlStatement } from "../../toml/scan-toml.ts";
import { applyEdits, type ConfigText, fullPath, startsWithPath } from "./config-text.ts";
import { cutLines } from "./owned-tables.ts";

/**
 * Takes tables below `registry` out of the text, however they are spread over headers and keys, and the bare
 * `[…configs."host"]` headers that nothing is left below. Undefined when one of them is part of an inline table
 * that holds more.
 */
export function removeTables(
  config: ConfigText,
  section: readonly string[],
  paths: readonly (readonly string[])[],
): ConfigText | undefined {
  const targets = paths.map((path) => [...section, ...path]);
  const doomed = new Set<TomlStatement>();
  for (const target of targets) {
    const own = config.statements.filter((statement) => startsWithPath(fullPath(statement), target));
    if (own.length === 0) return undefined;
    for (const statement of own) doomed.add(statement);
  }
  for (const target of targets)
    for (const bare of findBareParents(config, section, target, doomed)) doomed.add(bare);
  return applyEdits(
    config,
    joinRuns(config, doomed).map(([start, end]) => cutLines(config, start, end)),
  );
}

function findBareParents(
  config: ConfigText,
  section: readonly string[],
  target: readonly string[],
  doomed: ReadonlySet<TomlStatement>,
): readonly TomlStatement[] {
  const parent = target.slice(0, section.length + 2);
  if (parent.length === target.length) return [];
  const below = config.statements.filter((statement) => startsWithPath(fullPath(statement), parent));
  const rest = below.filter((statement) => !doomed.has(statement));
  return rest.every(({ kind, path }) => kind === "table" && path.length === parent.length) ? rest : [];
}

/** Ranges of statements that stand directly behind each other. */
function joinRuns(
  config: ConfigText,
  doomed: ReadonlySet<TomlStatement>,
): readonly (readonly [number, number])[] {
  const runs: [number, number][] = [];
  for (const statement of config.statements) {
    if (!doomed.has(statement)) continue;
    const last = runs.at(-1);
    if (last !== undefined && last[1] === statement.start) last[1] = statement.end;
    else runs.push([statement.start, statement.end]);
  }
  return runs;
}
