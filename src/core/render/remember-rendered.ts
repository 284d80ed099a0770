import type { Registry } from "../desired-state/desired-state.ts";
import { type Gradual, mapGradually } from "../gradual.ts";
import { type RenderContext, type RenderResult, renderRegistry } from "./render-registries.ts";

export type RenderRegistries = (
  registries: readonly Registry[],
  context: RenderContext,
) => Gradual<readonly RenderResult[]>;

export const renderEach: RenderRegistries = (registries, context) =>
  mapGradually(registries, (registry) => renderRegistry(registry, context));

/**
 * Renders, and gives back what it rendered the time before for a registry that is the same in the same context.
 * Of a thousand registries few change at a time, and comparing one costs a tenth of rendering it.
 */
export function createRenderMemory(): RenderRegistries {
  let known: Memory = { context: undefined, results: new Map() };
  return (registries, context) => {
    const before = isSameContext(known.context, context) ? known.results : new Map<string, Remembered>();
    const results = new Map<string, Remembered>();
    known = { context, results };
    return mapGradually(registries, (registry) => {
      const old = before.get(registry.namespace);
      const isSame = old !== undefined && isEqual(old.registry, registry);
      // The newer of two that are equal: it is the one that may come again as it is.
      const remembered = { registry, result: isSame ? old.result : renderRegistry(registry, context) };
      results.set(registry.namespace, remembered);
      return remembered.result;
    });
  };
}

interface Memory {
  readonly context: RenderContext | undefined;
  readonly results: Map<string, Remembered>;
}
interface Remembered {
  readonly registry: Registry;
  readonly result: RenderResult;
}

function isSameContext(a: RenderContext | undefined, b: RenderContext): boolean {
  if (a === undefined) return false;
  const hosts = a.criCredentialHosts;
  return (
    a.certsD === b.certsD &&
    a.version.text === b.version.text &&
    a.digest === b.digest &&
    isEqual(a.witness, b.witness) &&
    hosts.size === b.criCredentialHosts.size &&
    [...hosts].every((host) => b.criCredentialHosts.has(host))
  );
}

/** Of plain data: a key that is undefined counts as absent. */
function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  for (const key in left) if (!isEqual(left[key], right[key])) return false;
  for (const key in right) if (left[key] === undefined && right[key] !== undefined) return false;
  return true;
}
