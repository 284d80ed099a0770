import type { MirrorEntry } from "./render-hosts-toml.ts";

/** The agent's own last host. It has nothing, so whatever is asked of it no mirror has served. Plain data. */
export interface RenderWitness {
  /** host:port, an IPv4 loopback address: containerd 1.x drops a file whose headers name an IPv6 literal. */
  readonly address: string;
  /** PEM of the one certificate that containerd is to accept there. */
  readonly certificate: string;
}

const WITNESS_PATH = "/witness";

/** The prefix of every request that containerd makes to the witness. */
export function witnessUrl({ address }: Pick<RenderWitness, "address">): string {
  return `https://${address}${WITNESS_PATH}`;
}

/**
 * The witness as an entry of hosts.toml. It is asked for what some mirror is asked for and no more: tags that no
 * mirror may resolve go to the upstream by the operator's wish, and prove nothing.
 */
export function witnessEntry(
  { address }: RenderWitness,
  mirrors: readonly MirrorEntry[],
  caFile: string,
): MirrorEntry {
  const resolves = mirrors.some(({ mirror }) => mirror.capabilities.includes("resolve"));
  return {
    mirror: {
      scheme: "https",
      host: address,
      path: WITNESS_PATH,
      capabilities: resolves ? ["pull", "resolve"] : ["pull"],
    },
    tls: { caFile },
  };
}
