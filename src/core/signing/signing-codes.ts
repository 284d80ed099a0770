/** Why a signed desired state is not taken, or what is to be known about one. Stable; docs/issues.md has each. */
export const SIGNING_CODES = [
  "signed-envelope",
  "signed-type",
  "signed-not-alone",
  "unsigned",
  "signed-unchecked",
  "trust-keys",
  "signature-insufficient",
  "signed-payload",
  "signed-fleet",
  "signed-channel",
  "signed-audience",
  "signed-serial",
  "signed-floor-damaged",
  "signed-not-before",
  "signed-expired",
  "feed-insecure",
] as const;

export type SigningCode = (typeof SIGNING_CODES)[number];
