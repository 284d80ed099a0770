/** ms that this node waits of `spreadMs`, the same each time it is asked: hash(node id, assignment id) mod spread. */
export function spreadOf(
  nodeId: string,
  assignmentId: string,
  spreadMs: number,
  sha256: (bytes: Uint8Array) => string,
): number {
  if (spreadMs <= 0) return 0;
  const hash = sha256(new TextEncoder().encode(`${nodeId}\0${assignmentId}`));
  return Number.parseInt(hash.slice(0, 12), 16) % spreadMs;
}
