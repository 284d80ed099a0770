/** What the witness proves itself with; PEM. The key is a secret of this node. */
export interface WitnessIdentity {
  readonly certificate: string;
  readonly key: string;
}
