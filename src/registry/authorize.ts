import type { Ask } from "./ask.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";

export interface Login {
  /** "" with an identity token for a password. */
  readonly username: string;
  readonly password: string;
}

/** How a registry asked for credentials, as far as containerd can follow. */
export type Demand =
  | { readonly kind: "basic" }
  | {
      readonly kind: "bearer";
      /** Undefined: it names none, and no token can be had. */
      readonly realm?: string;
      readonly service?: string;
      readonly scope?: string;
      /** Why a token that was sent does not do. */
      readonly error?: string;
    }
  | { readonly kind: "unknown"; readonly offered: readonly string[] };

/** Basic wins where both are offered: it takes no second server. For those who send credentials unasked. */
export function readDemand(headerValues: readonly string[]): Demand {
  return choose(parseChallenges(headerValues), "basic", "bearer");
}

/** containerd's choice: a token where one is offered, and of several challenges in one header the first. */
export function readDemandAsContainerd(headerValues: readonly string[]): Demand {
  return choose(
    headerValues.flatMap((value) => parseChallenges([value]).slice(0, 1)),
    "bearer",
    "basic",
  );
}

function choose(challenges: readonly Challenge[], ...schemes: readonly string[]): Demand {
  for (const scheme of schemes) {
    const found = challenges.find((one) => one.scheme === scheme);
    if (found?.scheme === "basic") return { kind: "basic" };
    if (found !== undefined) return { kind: "bearer", ...pick(found, "realm", "service", "scope", "error") };
  }
  return { kind: "unknown", offered: challenges.map(({ scheme }) => scheme) };
}

function pick<K extends string>({ parameters }: Challenge, ...names: readonly K[]): { [_ in K]?: string } {
  const found = names.flatMap((name) => {
    const value = parameters.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(found) as { [_ in K]?: string };
}

export function basicAuthorization({ username, password }: Login): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** What a request for a token shares with the request that was challenged. */
export type TokenAsk = Pick<Ask, "url" | "tls" | "headers" | "timeouts" | "signal">;
