import type { MirrorProbe, MirrorProber } from "../agent/ports.ts";
import { type Mirror, mirrorUrl } from "../core/desired-state/desired-state.ts";
import { basicAuthorization, type Demand, fetchToken, readDemand } from "../registry/authorize.ts";
import { type Answer, type Ask, createHttpClient, type HttpClient } from "../registry/http-client.ts";
import type { Environment } from "../registry/proxy.ts";
import { RegistryError } from "../registry/registry-error.ts";

export interface MirrorProberOptions {
  /** containerd's environment: its proxies and certificate variables decide, not ours. */
  readonly environment: Environment;
  /** `--root DIR` for the system's certificates. */
  readonly root?: string;
  /** For the whole probe, ms. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 5_000;

/** Asks mirrors the way containerd would, without pulling anything. */
export function createMirrorProber(options: MirrorProberOptions): MirrorProber {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const timeouts = { dialMs: timeoutMs, handshakeMs: timeoutMs, responseMs: timeoutMs };
  const root = options.root === undefined || options.root === "/" ? "" : options.root;
  const client = createHttpClient({ environment: options.environment, timeouts, root });
  return { probe: (mirror, signal) => probe(client, mirror, timeoutMs, signal) };
}

async function probe(
  client: HttpClient,
  mirror: Mirror,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<MirrorProbe> {
  const started = performance.now();
  const url = mirrorUrl({ ...mirror, path: "/v2/" });
  let challenge: MirrorProbe["challenge"] = "unknown";
  const limit = limitTo(timeoutMs, signal);
  try {
    await inspect(client, mirror, limit.signal, (asked) => {
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
  signal: AbortSignal,
  onChallenge: (challenge: MirrorProbe["challenge"]) => void,
): Promise<void> {
  const ask = askFor(mirror, "/v2/", signal);
  const { asked, answer } = await firstAnswer(client, mirror, ask);
  if (answer.status !== 401) {
    refuseStranger(answer, asked.url);
    onChallenge("none");
    return;
  }
  const demand = readDemand(answer.challenges);
  onChallenge(demand.kind);
  const authorization = await meet(client, demand, mirror, asked);
  const second = await client.ask({ ...asked, authorization });
  if (second.status === 401 || second.status === 403) {
    throw new RegistryError(
      "auth",
      `${mirror.host} refuses the ${credentialOf(mirror)} (status ${second.status})`,
    );
  }
  refuseStranger(second, asked.url);
}

/**
 * `/v2/` is where every registry answers, also one whose repositories stand below a path. Only a proxy that
 * forwards nothing but that path has nothing there; then the path itself is asked.
 */
async function firstAnswer(
  client: HttpClient,
  mirror: Mirror,
  ask: Ask,
): Promise<{ readonly asked: Ask; readonly answer: Answer }> {
  const answer = await client.ask(ask);
  if (answer.status !== 404 || mirror.path === "") return { asked: ask, answer };
  const below = askFor(mirror, `${mirror.path}/`, ask.signal);
  return { asked: below, answer: await client.ask(below) };
}

function askFor(mirror: Mirror, path: string, signal: AbortSignal): Ask {
  const { ca, client, skipTlsVerify: skipVerify } = mirror;
  const tls = {
    skipVerify,
    ...(ca === undefined ? {} : { ca }),
    ...(client === undefined ? {} : { client }),
  };
  return { method: "GET", url: new URL(`${mirror.scheme}://${mirror.host}${path}`), tls, signal };
}

async function meet(client: HttpClient, demand: Demand, mirror: Mirror, ask: Ask): Promise<string> {
  if (demand.kind === "bearer") return fetchToken(client, demand, mirror.credential, ask);
  if (demand.kind === "unknown") {
    const offered = demand.offered.length === 0 ? "no way to log in" : demand.offered.join(", ");
    throw new RegistryError(
      "auth",
      `${mirror.host} answers 401 and offers ${offered}; containerd knows Basic and Bearer`,
    );
  }
  if (mirror.credential === undefined) {
    throw new RegistryError(
      "auth",
      `${mirror.host} wants a user name and a password, and none is configured; give the entry a pull credential`,
    );
  }
  return basicAuthorization(mirror.credential);
}

// A portal, a login page or a load balancer's default answers 200 too, and containerd takes 200 for the image.
function refuseStranger(answer: Answer, url: URL): void {
  const where = `${url.host}${url.pathname}`;
  const isRegistry = answer.headers["docker-distribution-api-version"] !== undefined;
  if (answer.status === 404 && isErrorDocument(answer)) return;
  if (answer.status < 200 || answer.status > 299) {
    throw new RegistryError(
      "http",
      `${where} answers status ${answer.status}, so no pull is served; see the mirror's own log`,
    );
  }
  const type = answer.headers["content-type"] ?? "";
  if (!isRegistry && (/html/i.test(type) || answer.body.trimStart().startsWith("<"))) {
    throw new RegistryError(
      "http",
      `${where} answers with a web page, not as a registry: a portal or login page stands in between, or the host or port is wrong`,
    );
  }
}

// A registry's way to say that nothing has this name, which is no surprise for the bare path.
function isErrorDocument({ body }: Answer): boolean {
  try {
    return Array.isArray((JSON.parse(body) as { errors?: unknown }).errors);
  } catch {
    return false;
  }
}

function credentialOf(mirror: Mirror): string {
  return mirror.credential === undefined
    ? "anonymous token"
    : `credentials of ${JSON.stringify(mirror.credential.username)}`;
}

// AbortSignal.any keeps every source alive as long as the longest: the agent's own signal never ends.
function limitTo(timeoutMs: number, outer: AbortSignal): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  const timer = setTimeout(abort, timeoutMs);
  if (outer.aborted) abort();
  else outer.addEventListener("abort", abort, { once: true });
  return {
    signal: controller.signal,
    release: () => {
      clearTimeout(timer);
      outer.removeEventListener("abort", abort);
    },
  };
}
