/** A host namespace that cannot be put on this node as it is wanted, and why. */
export interface Problem {
  readonly namespace: string;
  readonly reason: string;
}
