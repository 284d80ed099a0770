import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Server } from "@grpc/grpc-js";

/**
 * Tells of handshakes that fail for a certificate, which gRPC keeps to itself: who they are from, and why. What merely
 * breaks off is left out: that is what a port is asked by whoever looks whether it is open.
 */
export function watchHandshakes(grpc: Server, onRefused: (peer: string, message: string) => void): void {
  // There is no public way. Where another version of grpc-js has it otherwise, this says nothing.
  const { http2Servers } = grpc as unknown as { readonly http2Servers?: ReadonlyMap<EventEmitter, unknown> };
  for (const server of http2Servers?.keys() ?? [])
    server.on("tlsClientError", (error: Error & { readonly code?: string }, socket: TLSSocket) => {
      const message = explain(String(socket.authorizationError ?? ""), error.code ?? "");
      if (message !== undefined) onRefused(nameOf(socket), message);
    });
}

/** What was ended for its certificate has no name of its own any more. */
function nameOf(socket: TLSSocket): string {
  const { _parent: carrier = socket } = socket as TLSSocket & { readonly _parent?: Socket };
  return `${carrier.remoteAddress ?? "?"}:${carrier.remotePort ?? "?"}`;
}

function explain(authorization: string, code: string): string | undefined {
  if (authorization === "CERT_HAS_EXPIRED") return "its certificate has expired";
  if (authorization === "CERT_NOT_YET_VALID") return "its certificate is not valid yet: compare the clocks";
  if (authorization.startsWith("UNABLE_TO_") || authorization.includes("SELF_SIGNED"))
    return `its certificate is not signed by a CA in feed.ca (${authorization})`;
  if (authorization !== "") return `its certificate is not accepted (${authorization})`;
  return code === "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE" ? "it shows no certificate" : undefined;
}
