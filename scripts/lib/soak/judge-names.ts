/** Names of files at rest that were not there at the rest before all others: temp files, most of all. */
export function leftBehind(before: readonly string[], now: readonly string[]): readonly string[] {
  const known = new Set(before.map(withoutChance));
  return now.filter((name) => !known.has(withoutChance(name)));
}

/** systemd gives the private /tmp of each start of a service a name by chance. */
function withoutChance(name: string): string {
  return name.replace(/systemd-private-[0-9a-f]+-([^/]+?)-[A-Za-z0-9]{6}(?=\/|$)/, "systemd-private-$1");
}
