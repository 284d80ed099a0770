import type { RegistryRequest } from "../registry-request.ts";

/** The answer brought a part of an image, or said that it is there. The witness never serves. */
export function isServed({ status, kind, role }: RegistryRequest): boolean {
  return status !== undefined && status >= 200 && status < 300 && kind !== "token" && role !== "witness";
}
