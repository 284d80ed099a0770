import type { WitnessIdentity } from "../core/evidence/witness-identity.ts";
import type { PassContext } from "./pass-context.ts";
import { HostError, type Ports } from "./ports.ts";
import type { StateDirectory } from "./state-directory.ts";

/** Makes and judges identities of the witness. */
export interface WitnessKeys {
  /** A new key, with a certificate for the IP address that is never out of date, whatever the clock says. */
  create(ip: string): Promise<WitnessIdentity>;
  /** The certificate is for that address and the key belongs to it. Never throws. */
  accepts(identity: WitnessIdentity, ip: string): Promise<boolean>;
}

/** The one identity of this node's witness. hosts.toml names it, so it changes only when it is lost or damaged. */
export interface WitnessKeeper {
  /** Makes it where there is none, and has it on disk before anything can name it. Undefined: it may not be made. */
  keep(): Promise<WitnessIdentity | undefined>;
  /** For what writes nothing. `isNew`: it stands for one that `keep` would make, which will be another one. */
  foresee(): Promise<{ readonly identity: WitnessIdentity; readonly isNew: boolean } | undefined>;
}

export function createWitnessKeeper(options: {
  readonly ip: string;
  /** False where the files may become those of several nodes, which must not have one key. */
  readonly mayMake: boolean;
  readonly state: Pick<StateDirectory, "loadWitness" | "saveWitness">;
  readonly keys: WitnessKeys;
  readonly ports: Pick<Ports, "sha256" | "log">;
}): WitnessKeeper {
  const { ip, mayMake, state, keys, ports } = options;
  let kept: WitnessIdentity | undefined;
  const load = async (): Promise<WitnessIdentity | undefined> => {
    const bytes = await state.loadWitness();
    if (bytes === undefined) return undefined;
    const identity = decodeWitnessIdentity(bytes, ports.sha256);
    if (identity !== undefined && (await keys.accepts(identity, ip))) return identity;
    ports.log.warn({}, "the witness' key is damaged or of another address: it is made anew");
    return undefined;
  };
  const keep = async (): Promise<WitnessIdentity | undefined> => {
    kept ??= await load();
    if (kept !== undefined || !mayMake) return kept;
    const made = await keys.create(ip);
    await state.saveWitness(encodeWitnessIdentity(made, ports.sha256));
    kept = made;
    return kept;
  };
  // Whoever asks at the same time gets the same one.
  let keeping: Promise<WitnessIdentity | undefined> | undefined;
  return {
    keep() {
      keeping ??= keep().finally(() => {
        keeping = undefined;
      });
      return keeping;
    },
    async foresee() {
      const identity = kept ?? (await load());
      if (identity !== undefined) return { identity, isNew: false };
      return mayMake ? { identity: await keys.create(ip), isNew: true } : undefined;
    },
  };
}

/** For a pass: where its key cannot be kept there is no witness, and mirrors do not wait for one. */
export async function identityFor({
  witness,
  ports,
}: Pick<PassContext, "witness" | "ports">): Promise<WitnessIdentity | undefined> {
  try {
    return await witness?.keep();
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    ports.log.warn({ error: error.message }, "the witness' key cannot be kept: hosts.toml names no witness");
    return undefined;
  }
}

const SCHEMA = "mirrorlet.witness/v1";

/** JSON with a checksum over the body, as in the apply record. */
function encodeWitnessIdentity(identity: WitnessIdentity, sha256: Ports["sha256"]): Uint8Array {
  const body = JSON.stringify(identity);
  const checksum = sha256(new TextEncoder().encode(body));
  return new TextEncoder().encode(`${JSON.stringify({ schema: SCHEMA, checksum })}\n${body}\n`);
}

function decodeWitnessIdentity(bytes: Uint8Array, sha256: Ports["sha256"]): WitnessIdentity | undefined {
  const [header = "", body = ""] = new TextDecoder().decode(bytes).split("\n");
  try {
    const { schema, checksum } = JSON.parse(header) as { schema?: unknown; checksum?: unknown };
    if (schema !== SCHEMA || checksum !== sha256(new TextEncoder().encode(body))) return undefined;
    const { certificate, key } = JSON.parse(body) as Partial<Record<keyof WitnessIdentity, unknown>>;
    return typeof certificate === "string" && typeof key === "string" ? { certificate, key } : undefined;
  } catch {
    return undefined;
  }
}
