import type { Ports } from "../agent/ports.ts";
import type { CheckDeps } from "../cli/bundle-check.ts";
import { checkMirroredImage } from "../edge/check-mirrored-image.ts";
import { createHttpClient } from "../registry/http-client.ts";
import type { NodeSetup } from "./compose-node.ts";
import { renderDeps } from "./compose-render.ts";
import { readTextFile } from "./read-text-file.ts";

const TIMEOUTS = { dialMs: 10_000, handshakeMs: 10_000, responseMs: 20_000 };

/** Mirrors are asked from here, with the proxies of this machine: no node has to have this desired state. */
export function checkDeps(setup: NodeSetup, ports: Ports): CheckDeps {
  const client = createHttpClient({ environment: process.env, timeouts: TIMEOUTS, root: setup.root });
  const { signal } = new AbortController();
  const dead = new Map<string, string>();
  return {
    ...renderDeps(setup, ports),
    readList: readTextFile,
    ask: (target) => checkMirroredImage(client, target, signal, dead),
    now: () => performance.now(),
    progressColumns: process.stderr.isTTY === true ? (process.stderr.columns ?? 80) : undefined,
  };
}
