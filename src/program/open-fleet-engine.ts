import type { FleetAccess } from "../core/feed-config/parse-feed-config.ts";
import type { Engine, EngineNotice } from "../fleet/engine/engine.ts";
import { parseEngineAddress } from "../fleet/engine/engine-address.ts";
import { openEngine } from "../fleet/engine/open-engine.ts";

export interface FleetEngineSetup {
  /** Begins a journal where there is none: for servers, and for what is written first. */
  readonly mayCreate: boolean;
  readonly root: string;
  readonly uptimeMs: () => number;
  readonly onNotice: (notice: EngineNotice) => void;
}

/** The engine that feed.toml names. A text: why it cannot be opened; one that is down can. */
export async function openFleetEngine(
  { engine: text, access }: FleetAccess,
  { root, mayCreate, uptimeMs, onNotice }: FleetEngineSetup,
): Promise<Engine | string> {
  const parsed = parseEngineAddress(text);
  if (!parsed.ok) return parsed.message;
  const { address } = parsed;
  const below = address.kind === "journal" ? { ...address, directory: root + address.directory } : address;
  try {
    return await openEngine(below, access, { mayCreate, uptimeMs, random: Math.random, onNotice });
  } catch (error) {
    return `${text} cannot be opened: ${error instanceof Error ? error.message : String(error)}`;
  }
}
