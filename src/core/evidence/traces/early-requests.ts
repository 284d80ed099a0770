import { MAX_REQUESTS } from "../pull.ts";
import type { RegistryRequest } from "../registry-request.ts";

/** What is kept of requests that were told before their pull was over. */
export interface EarlyRequests {
  readonly first: readonly RegistryRequest[];
  /** One of each kind, as far as a pull's path and its reason depend on it. */
  readonly kinds: readonly RegistryRequest[];
}

const MAX_KINDS = 256;

export function keepEarly(
  early: EarlyRequests | undefined,
  requests: readonly RegistryRequest[],
): EarlyRequests {
  const kinds = new Map([...(early?.kinds ?? []), ...requests].map((request) => [kindOf(request), request]));
  return {
    first: [...(early?.first ?? []), ...requests].slice(0, MAX_REQUESTS),
    kinds: [...kinds.values()].slice(0, MAX_KINDS),
  };
}

function kindOf({ role, host, kind, method, status, error }: RegistryRequest): string {
  return [role, host, kind, method, status, error].join(" ");
}
