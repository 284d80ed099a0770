import type { WitnessHit } from "../../core/evidence/pull.ts";
import type { WitnessIdentity } from "../../core/evidence/witness-identity.ts";

/** What the thread needs to know at its start. */
export interface WitnessTask {
  /** host:port, IPv4. */
  readonly address: string;
  readonly identity: WitnessIdentity;
  /** Users whose requests are counted: root, whose is containerd, and the agent's own. */
  readonly trusted: readonly number[];
}

export type ToWitness =
  /** Answered by `pong`, which proves that the thread's loop turns. */
  | { readonly kind: "ping"; readonly id: number }
  /** The last `hits` have been taken: send more. */
  | { readonly kind: "taken" };

export type FromWitness =
  | { readonly kind: "listening" }
  /** It cannot bind, and tries again. */
  | { readonly kind: "unbound"; readonly message: string }
  | { readonly kind: "pong"; readonly id: number }
  /** One of these is under way at a time. `lost` counts what since the last one could not be judged or kept. */
  | { readonly kind: "hits"; readonly hits: readonly WitnessHit[]; readonly lost: number };
