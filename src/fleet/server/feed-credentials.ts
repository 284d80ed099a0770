import { ServerCredentials } from "@grpc/grpc-js";
import type { FeedCertificates } from "./feed-certificates.ts";

/** A handshake that takes longer is given up. */
const HANDSHAKE_MS = 10_000;

/** Credentials of a gRPC server that can be exchanged while streams go on; those keep what they were made with. */
export class FeedCredentials extends ServerCredentials {
  constructor(first: FeedCertificates) {
    super(
      {
        requestCert: true,
        rejectUnauthorized: true,
        // Nodes are ours: none of them speaks less.
        minVersion: "TLSv1.3",
        handshakeTimeout: HANDSHAKE_MS,
        // Seconds. Each connection shows its certificate anew, so that one that is withdrawn does not come back by a ticket.
        sessionTimeout: 1,
      },
      contextOf(first),
    );
  }

  use(certificates: FeedCertificates): void {
    this.updateSecureContextOptions(contextOf(certificates));
  }

  override _equals(other: ServerCredentials): boolean {
    return other === this;
  }
}

function contextOf({ ca, cert, key }: FeedCertificates) {
  return { ca, cert, key };
}
