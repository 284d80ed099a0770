/** PEM with a believable body; nothing in core looks inside the DER. */
export function pem(type: string): string {
  return `-----BEGIN ${type}-----\nMIIBszCCAVmgAwIBAgIUQ2VydGlmaWNhdGU=\n-----END ${type}-----\n`;
}

export const CERTIFICATE = pem("CERTIFICATE");
export const PRIVATE_KEY = pem("PRIVATE KEY");
