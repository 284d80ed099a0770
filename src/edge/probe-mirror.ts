import type { MirrorProbe, MirrorProber } from "../agent/ports.ts";
import { type Mirror, mirrorUrl } from "../core/desired-state/desired-state.ts";
import type { Answer, Ask } from "../registry/ask.ts";
import { basicAuthorization, type Demand, readDemand } from "../registry/authorize.ts";
import { fetchToken } from "../registry/fetch-token.ts";
import type { HttpClient } from "../registry/http-client.ts";
import { RegistryError } from "../registry/registry-error.ts";
import { API_PATH, refuseStranger } from "./judge-api.ts";
import { limitTo } from "./limit-to.ts";

export interface MirrorProberOptions {
  /** The client with the environment of the containerd that runs now: its proxies decide, not ours. */
  readonly client: () => Promise<HttpClient>;
  /** For the whole probe, ms. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 5_000;

/** Asks mirrors the way containerd would, without pulling anything. */
export function createMirrorProber({ client, timeoutMs = TIMEOUT_MS }: MirrorProberOptions): MirrorProber {
  return { probe: async (mirror, signal) => probe(await client(), mirror, timeoutMs, signal) };
}

async function probe(
  client: HttpClient,
  mirror: Mirror,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<MirrorProbe> {
  const started = performance.now();
  const url = mirrorUrl({ ...mirror, path: API_PATH });
  let challenge: MirrorProbe["challenge"] = "unknown";
  const limit = limitTo(timeoutMs, signal);
  try {
    await inspect(client, mirror, { timeoutMs, signal: limit.signal }, (asked) => {
      challenge = asked;
    });
    return { url, ok: true, challenge, durationMs: performance.now() - started };
  } catch (error) {
    const failure =
      error instanceof RegistryError
        ? { phase: error.phase, message: error.message }
        : { phase: "http" as const, message: error instanceof Error ? error.message : String(error) };
    return { url, ok: false, challenge, failure, durationMs: performance.now() - started };
  } finally {
    limit.release();
  }
}

async function inspect(
  client: HttpClient,
  mirror: Mirror,
  limits: Limits,
  onChallenge: (challenge: MirrorProbe["challenge"]) => void,
): Promise<void> {
  const { asked, answer } = await firstAnswer(client, mirror, limits);
  if (answer.status !== 401) {
    refuseStranger(answer, asked.url);
    onChallenge("none");
    return;
  }
  const demand = readDemand(answer.challenges);
  onChallenge(demand.kind);
  const authorization = await meet(client, demand, mirror, asked);
  const second = await client.ask({ ...asked, headers: [["Authorization", authorization]] });
  // Some registries let nobody but known users at their base path, and everybody at public repositories.
  if (second.status === 401 && demand.kind === "bearer" && mirror.credential === undefined) return;
  if (second.status === 401 || second.status === 403) {
    const detail = `the ${credentialOf(mirror)} (status ${second.status})`;
    throw new RegistryError({ phase: "auth", code: "credentials-refused", host: mirror.host, detail });
  }
  refuseStranger(second, asked.url);
}

interface Limits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Only a proxy that forwards nothing but the mirror's own path has nothing at `/v2/`; then the path is asked. */
async function firstAnswer(
  client: HttpClient,
  mirror: Mirror,
  limits: Limits,
): Promise<{ readonly asked: Ask; readonly answer: Answer }> {
  const asked = askFor(mirror, API_PATH, limits);
  const answer = await client.ask(asked);
  if (answer.status !== 404 || mirror.path === "") return { asked, answer };
  const below = askFor(mirror, `${mirror.path}/`, limits);
  return { asked: below, answer: await client.ask(below) };
}

function askFor(mirror: Mirror, path: string, { timeoutMs, signal }: Limits): Ask {
  const { ca, client, skipTlsVerify: skipVerify } = mirror;
  const tls = {
    skipVerify,
    ...(ca === undefined ? {} : { ca }),
    ...(client === undefined ? {} : { clients: [client] }),
  };
  const timeouts = { dialMs: timeoutMs, handshakeMs: timeoutMs, responseMs: timeoutMs };
  return { method: "GET", url: new URL(`${mirror.scheme}://${mirror.host}${path}`), tls, timeouts, signal };
}

async function meet(client: HttpClient, demand: Demand, mirror: Mirror, ask: Ask): Promise<string> {
  const { host, credential } = mirror;
  if (demand.kind === "bearer") return fetchToken(client, demand, credential, [], ask);
  if (demand.kind === "unknown") {
    const detail = demand.offered.length === 0 ? "no way to log in" : demand.offered.join(", ");
    throw new RegistryError({ phase: "auth", code: "unknown-scheme", host, detail });
  }
  if (credential === undefined) throw new RegistryError({ phase: "auth", code: "no-credentials", host });
  return basicAuthorization(credential);
}

function credentialOf(mirror: Mirror): string {
  return mirror.credential === undefined
    ? "anonymous token"
    : `credentials of ${JSON.stringify(mirror.credential.username)}`;
}
