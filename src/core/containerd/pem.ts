interface PemBlock {
  readonly type: string;
  readonly hasHeaders: boolean;
  readonly isDer: boolean;
}

/** Whether Go's CertPool takes at least one certificate from it. The certificate itself is not inspected. */
export function holdsCertificate(bytes: Uint8Array): boolean {
  return readBlocks(bytes).some(
    ({ type, hasHeaders, isDer }) => type === "CERTIFICATE" && !hasHeaders && isDer,
  );
}

/**
 * Why Go's tls.X509KeyPair refuses the two files, in its words; undefined when each holds the block it needs.
 * Whether the key belongs to the certificate is not checked.
 */
export function explainKeyPair(certificate: Uint8Array, key: Uint8Array): string | undefined {
  const inCertificate = readBlocks(certificate);
  if (inCertificate.length === 0) return "tls: failed to find any PEM data in certificate input";
  if (!inCertificate.some(({ type }) => type === "CERTIFICATE"))
    return 'tls: failed to find "CERTIFICATE" PEM block in certificate input';
  const inKey = readBlocks(key);
  if (inKey.some(({ type }) => type === "PRIVATE KEY" || type.endsWith(" PRIVATE KEY"))) return undefined;
  if (inKey.length === 0) return "tls: failed to find any PEM data in key input";
  return inKey.every(({ type }) => type === "CERTIFICATE")
    ? "tls: found a certificate rather than a key in the PEM for the private key"
    : 'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input';
}

const BLOCK = /^-----BEGIN ([^\n]*?)-----[ \t]*\r?\n([\s\S]*?)^-----END \1-----[ \t]*\r?$/gm;

function readBlocks(bytes: Uint8Array): readonly PemBlock[] {
  const text = new TextDecoder().decode(bytes);
  return [...text.matchAll(BLOCK)].flatMap(([, type = "", body = ""]) => {
    const hasHeaders = body.includes(":");
    const base64 = hasHeaders ? body.slice(body.search(/\r?\n\r?\n/)) : body;
    const data = base64.replace(/\s/g, "");
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(data) || data.length % 4 !== 0) return [];
    // DER of a certificate or a key begins with a SEQUENCE, 0x30: "M" in base64.
    return [{ type, hasHeaders, isDer: data.startsWith("M") }];
  });
}
