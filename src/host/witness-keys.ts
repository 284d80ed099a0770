import { createPrivateKey, X509Certificate } from "node:crypto";
import type { WitnessKeys } from "../agent/witness-keeper.ts";

/** Identities of the witness, made and judged with OpenSSL through node:crypto. */
export const witnessKeys: WitnessKeys = {
  async create(ip) {
    // Needed once in the life of a node.
    const { createSelfSigned } = await import("./self-signed-certificate.ts");
    return createSelfSigned("mirrorlet witness", ip);
  },
  async accepts({ certificate, key }, ip) {
    try {
      const parsed = new X509Certificate(certificate);
      return !parsed.ca && parsed.checkIP(ip) !== undefined && parsed.checkPrivateKey(createPrivateKey(key));
    } catch {
      return false;
    }
  },
};
