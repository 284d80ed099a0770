import { hostname } from "node:os";
import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import type { Issue } from "../core/issue.ts";
import type { Acceptance } from "../core/signing/accept-sources.ts";
import { issueAt, type SigningPorts } from "../core/signing/check-signed-state.ts";
import { SIGNING_LIMITS } from "../core/signing/signing-limits.ts";
import {
  createPublicKey,
  type PublicKey,
  readInlineKey,
  readPublicKeys,
  uniqueKeys,
} from "../core/signing/trusted-keys.ts";
import { readInputFile } from "../edge/read-input-file.ts";
import { verifyEd25519 } from "../host/ed25519.ts";
import { sha256 } from "../host/sha256.ts";

export const signingPorts: SigningPorts = { verifyEd25519, sha256 };

export type TrustResult =
  | { readonly ok: true; readonly expected: Pick<Acceptance, "trust" | "unsignedFiles" | "node"> }
  | { readonly ok: false; readonly issues: readonly Issue[] };

/**
 * Who may sign for this node, from agent.toml and the key files that it names: those are read anew each time, so that a
 * key can be exchanged without a restart, and are refused where somebody else could change them.
 */
export async function readTrust({ trust, node }: AgentConfig, root: string): Promise<TrustResult> {
  const { threshold, unsignedFiles } = trust;
  const self = { ...node, id: node.id ?? hostname() };
  if (trust.keys.length === 0) return { ok: true, expected: { trust: undefined, unsignedFiles, node: self } };
  const read = await readKeys(trust.keys, root);
  if ("issue" in read) return { ok: false, issues: [read.issue] };
  const keys = uniqueKeys(read.keys);
  if (keys.length > SIGNING_LIMITS.keys || keys.length < threshold) {
    const counted = `${keys.length} different key${keys.length === 1 ? "" : "s"}`;
    const message =
      keys.length < threshold
        ? `there are ${counted}, and trust.threshold asks for ${threshold} signatures: nothing can be accepted`
        : `there are ${counted}, more than the ${SIGNING_LIMITS.keys} that are read: nothing is accepted`;
    const fix = "see trust.keys and trust.threshold in agent.toml";
    return { ok: false, issues: [issueAt("trust.keys", "trust-keys", message, fix)] };
  }
  return { ok: true, expected: { trust: { keys, threshold }, unsignedFiles, node: self } };
}

/** The files among them: a change of one is a change of what may be put in force. */
export function keyFiles({ trust }: AgentConfig): readonly string[] {
  return trust.keys.filter((entry) => entry.startsWith("/"));
}

const MOST_BYTES = 64 * 1024;

async function readKeys(
  entries: readonly string[],
  root: string,
): Promise<{ readonly keys: readonly PublicKey[] } | { readonly issue: Issue }> {
  const keys: PublicKey[] = [];
  for (const entry of entries) {
    const raw = readInlineKey(entry);
    if (raw !== undefined) {
      keys.push(createPublicKey(raw, sha256));
      continue;
    }
    const found = await readKeyFile(entry, root, "owner");
    if (!found.ok) return { issue: found.issue };
    keys.push(...found.keys);
  }
  return { keys };
}

/** The public keys of a PEM file. */
export async function readKeyFile(
  path: string,
  root: string,
  trust: "owner" | "anyone",
): Promise<
  { readonly ok: true; readonly keys: readonly PublicKey[] } | { readonly ok: false; readonly issue: Issue }
> {
  const refuse = (message: string, fix: string) => {
    const whole = `the public key cannot be used: ${message}; no signature can be checked`;
    return { ok: false, issue: issueAt(path, "trust-keys", whole, fix) } as const;
  };
  const read = await readInputFile(path, { root, trust, maxBytes: MOST_BYTES });
  if (!read.ok) return refuse(read.issue.message, read.issue.fix);
  const parsed = readPublicKeys(new TextDecoder().decode(read.bytes), sha256);
  return parsed.ok
    ? parsed
    : refuse(parsed.message, "name a file of mirrorlet fleet keygen that ends in .pub");
}
