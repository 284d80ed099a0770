/** The base of `BUNDLE.000`, `BUNDLE.001`, …; undefined: it is no such name. */
export function baseOfPart(path: string): string | undefined {
  return /^(.+)\.\d{3}$/s.exec(path)?.[1];
}

export function partName(base: string, at: number): string {
  return `${base}.${String(at).padStart(3, "0")}`;
}

/**
 * Sources as they were written, without what belongs to one that is among them: the other parts of a bundle in parts,
 * and checksums, all of which `BUNDLE*` gives.
 */
export function groupSources(sources: readonly string[]): readonly string[] {
  const kept: string[] = [];
  const bases = new Set<string>();
  for (const source of sources) {
    const base = baseOfPart(source) ?? source;
    if (base !== source && bases.has(base)) continue;
    bases.add(base);
    kept.push(source);
  }
  return kept.filter(
    (source) => !source.endsWith(".sha256") || !bases.has(source.slice(0, -".sha256".length)),
  );
}
