import type { ServerDuplexStream, ServerUnaryCall } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import { type DeniedList, isDenied } from "./denied-list.ts";
import { readNodeId } from "./node-certificate.ts";

export type Peer =
  | { readonly ok: true; readonly id: string; readonly serial: string }
  | { readonly ok: false; readonly code: status; readonly message: string };

type AnyCall = Pick<ServerDuplexStream<never, never> | ServerUnaryCall<never, never>, "getAuthContext">;

/** Which node this is, by the certificate of its connection, which the handshake has checked against the authorities. */
export function identifyPeer(call: AnyCall, trustDomain: string, denied: DeniedList, nowMs: number): Peer {
  const { sslPeerCertificate: certificate } = call.getAuthContext();
  if (certificate === undefined)
    return refuse(status.UNAUTHENTICATED, "a client certificate is needed, signed by the feed's authority");
  const identity = readNodeId(certificate.subjectaltname, trustDomain);
  if (!identity.ok) return refuse(status.PERMISSION_DENIED, identity.message);
  // A connection may be older than the end of its certificate.
  if (Date.parse(certificate.valid_to) < nowMs)
    return refuse(status.UNAUTHENTICATED, `the certificate has ended on ${certificate.valid_to}`);
  if (isDenied(denied, identity.id, certificate.serialNumber))
    return refuse(status.PERMISSION_DENIED, `the fleet denies node ${identity.id} this certificate`);
  return { ok: true, id: identity.id, serial: certificate.serialNumber };
}

function refuse(code: status, message: string): Peer {
  return { ok: false, code, message };
}
