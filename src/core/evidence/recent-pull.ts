import { cleanText } from "./clean-text.ts";
import { EVIDENCE_LIMITS } from "./evidence-limits.ts";
import type { Pull } from "./pull.ts";
import type { RegistryRequest, RequestRole } from "./registry-request.ts";

/** A pull of the last hours, its requests summed up. Plain data without secrets. */
export interface RecentPull extends Omit<Pull, "requests" | "traceId"> {
  /** In order of first contact; empty where the source does not see requests. Token services are left out. */
  readonly hosts: readonly HostShare[];
}

/** What one host did for a pull. */
export interface HostShare {
  /** host:port */
  readonly host: string;
  readonly role: RequestRole;
  /** Requests that it answered with content, or by sending elsewhere for it. */
  readonly served: number;
  /** Other answers, and none. */
  readonly refused: number;
}

export function summarizePull({ requests, traceId: _, ...pull }: Pull): RecentPull {
  const { reference, reason } = pull;
  return {
    ...pull,
    registry: cleanText(pull.registry),
    repository: cleanText(pull.repository),
    ...(reference === undefined ? {} : { reference: cleanText(reference) }),
    ...(reason === undefined ? {} : { reason: cleanText(reason) }),
    hosts: sharesOf(requests),
  };
}

/** It brought a part of an image, or led to one. */
export function isServed({ status, kind, role }: RegistryRequest): boolean {
  if (status === undefined || kind === "token" || role === "witness") return false;
  return status >= 200 && status < 400 && status !== 304;
}

function sharesOf(requests: readonly RegistryRequest[]): readonly HostShare[] {
  const shares = new Map<string, { host: string; role: RequestRole; served: number; refused: number }>();
  for (const request of requests) {
    if (request.kind === "token") continue;
    const key = `${request.role} ${request.host}`;
    const share = shares.get(key) ?? {
      host: cleanText(request.host),
      role: request.role,
      served: 0,
      refused: 0,
    };
    if (isServed(request)) share.served++;
    else share.refused++;
    if (shares.has(key) || shares.size < EVIDENCE_LIMITS.hostsOfOnePull) shares.set(key, share);
  }
  return [...shares.values()];
}
