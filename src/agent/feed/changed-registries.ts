import type { DesiredState } from "../../core/desired-state/desired-state.ts";

/** A short digest of each registry, by host namespace: what is compared, and not what it is. */
export function digestRegistries(
  state: DesiredState | undefined,
  sha256: (bytes: Uint8Array) => string,
): Readonly<Record<string, string>> {
  const digest = (value: unknown) => sha256(new TextEncoder().encode(JSON.stringify(value))).slice(0, SHORT);
  return Object.fromEntries((state?.registries ?? []).map((one) => [one.namespace, digest(one)]));
}

const SHORT = 16;

/** Host namespaces that are in force now and were not, or not like this, before. */
export function listChanged(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): readonly string[] {
  return Object.keys(after).filter((namespace) => before[namespace] !== after[namespace]);
}
