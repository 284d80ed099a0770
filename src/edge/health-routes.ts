import { type Route, type RouteResponse, text } from "./http-routes.ts";

/** One thing that has to be so before the agent is ready. Answers at once from what is known. */
export interface HealthCheck {
  readonly name: string;
  check(): CheckResult;
}

interface CheckResult {
  readonly ok: boolean;
  /** What is so, or what is wrong; shown to anybody who can reach the listener, so no secrets. */
  readonly message: string;
}

/**
 * `/livez`: the event loop answers, nothing else, so that trouble with mirrors or containerd never restarts the
 * agent. `/readyz`: all checks; `?verbose` shows them, `?exclude=name` leaves one out, `/readyz/name` asks for one.
 * Form as in https://kubernetes.io/docs/reference/using-api/health-checks/
 */
export function healthRoutes(checks: readonly HealthCheck[]): readonly Route[] {
  const ping: HealthCheck = { name: "ping", check: () => ({ ok: true, message: "" }) };
  return [...probeRoutes("livez", [ping]), ...probeRoutes("readyz", [ping, ...checks])];
}

function probeRoutes(name: string, checks: readonly HealthCheck[]): readonly Route[] {
  return [
    {
      path: `/${name}`,
      listener: "metrics",
      handle: ({ query }) => answer(name, checks, query.getAll("exclude"), query.has("verbose")),
    },
    {
      path: `/${name}/*`,
      listener: "metrics",
      handle: ({ rest, query }) => {
        const one = checks.filter((check) => check.name === rest);
        return one.length === 0
          ? text(404, `no check ${JSON.stringify(rest)}`)
          : answer(name, one, [], query.has("verbose"));
      },
    },
  ];
}

function answer(
  name: string,
  checks: readonly HealthCheck[],
  excluded: readonly string[],
  verbose: boolean,
): RouteResponse {
  const lines: string[] = [];
  let ok = true;
  for (const check of checks) {
    if (excluded.includes(check.name)) {
      lines.push(`[+]${check.name} excluded: ok`);
      continue;
    }
    const result = run(check);
    ok &&= result.ok;
    lines.push(renderCheck(check.name, result));
  }
  const unknown = excluded.filter((wanted) => !checks.some((check) => check.name === wanted));
  for (const wanted of unknown) lines.push(`warn: there is no check ${JSON.stringify(wanted)} to exclude`);
  lines.push(`${name} check ${ok ? "passed" : "failed"}`);
  return text(ok ? 200 : 503, ok && !verbose ? "ok" : lines.join("\n"));
}

function renderCheck(name: string, { ok, message }: CheckResult): string {
  const oneLine = message.replace(/\s+/g, " ").trim();
  if (ok) return oneLine === "" ? `[+]${name} ok` : `[+]${name} ok: ${oneLine}`;
  return `[-]${name} failed: ${oneLine}`;
}

function run({ check }: HealthCheck): CheckResult {
  try {
    return check();
  } catch (error) {
    return { ok: false, message: `the check itself failed: ${(error as Error).message}` };
  }
}
