import { createPublicKey, formatInlineKey } from "../core/signing/trusted-keys.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";

export interface FleetKeygenDeps {
  createKeyPair(): {
    readonly privatePem: string;
    readonly publicPem: string;
    readonly publicKey: Uint8Array;
  };
  /** Undefined when they are written, both; else why neither was. Never writes over a file. */
  writeKeyPair(
    path: string,
    pair: { readonly privatePem: string; readonly publicPem: string },
  ): string | undefined;
  readonly sha256: (bytes: Uint8Array) => string;
}

/** `fleet keygen`: a new key pair. The private one stays with who signs, the public one goes to nodes. */
export function fleetKeygen(
  { out }: { readonly out: string },
  io: CommandIo,
  deps: FleetKeygenDeps,
): ExitCode {
  const pair = deps.createKeyPair();
  const refusal = deps.writeKeyPair(out, pair);
  if (refusal !== undefined) {
    io.stderr(`mirrorlet: ${refusal}\n`);
    return 1;
  }
  const { keyId } = createPublicKey(pair.publicKey, deps.sha256);
  const inline = formatInlineKey(pair.publicKey);
  if (io.json) {
    printJson(io, "fleet-keygen", { keyId, privateKey: out, publicKey: `${out}.pub`, trust: inline });
    return 0;
  }
  io.stdout(`${inline}\n`);
  io.stderr(
    [
      `The private key is ${out}: keep it off the nodes, and where only who may sign can read it.`,
      `The public key is ${out}.pub, its id ${keyId}.`,
      "For agent.toml of each node, the file or the line above:",
      "",
      "[trust]",
      `keys = ["${inline}"]`,
      "[node]",
      'fleet = "…"',
      "",
    ].join("\n"),
  );
  return 0;
}
