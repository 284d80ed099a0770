import { createMerge, type Merge, placeOf } from "../agent-config/merge-settings.ts";
import { hasErrors, type Issue } from "../issue.ts";
import { FEED_SETTINGS, type FeedSettingKey, type FeedSettingValues } from "./feed-settings.ts";

/** What the fleet's commands need to know: which fleet, and where its state is. Paths are as written. */
export interface FleetAccess {
  readonly fleet: string;
  /** `etcd://…` or `journal:/…` */
  readonly engine: string;
  /** How an etcd is to be asked. */
  readonly access: {
    readonly caFile?: string;
    readonly certFile?: string;
    readonly keyFile?: string;
    readonly user?: string;
    readonly passwordFile?: string;
  };
}

/** The feed server's own configuration, effective values. */
export interface FeedConfig extends FleetAccess {
  readonly controller: boolean;
  readonly feed: {
    /** host:port */
    readonly address: string;
    readonly ca: string;
    readonly cert: string;
    readonly key: string;
    readonly denied: string;
    readonly trustDomain: string;
    readonly maxStreams: number;
    readonly handshakesPerSecond: number;
  };
  readonly http: { readonly address: string; readonly allowedHosts: readonly string[] };
  readonly logLevel: FeedSettingValues["log.level"];
}

export interface FeedConfigSources {
  /** feed.toml; undefined when there is none. */
  readonly file?: { readonly name: string; readonly text: string } | undefined;
  /** The process environment; only MIRRORLET_ENGINE and MIRRORLET_FLEET are looked at. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly engine?: string | undefined;
  readonly fleet?: string | undefined;
  /** `key=value`, as given to `--set`. */
  readonly set?: readonly string[] | undefined;
}

export type FeedConfigResult =
  | { readonly ok: true; readonly config: FeedConfig }
  | { readonly ok: false; readonly issues: readonly Issue[] };

const VARIABLES: ReadonlyMap<string, FeedSettingKey> = new Map([
  ["MIRRORLET_ENGINE", "engine"],
  ["MIRRORLET_FLEET", "fleet"],
]);

/** Options win over `--set`, that over the environment, that over the file, that over defaults. */
export function parseFeedConfig(sources: FeedConfigSources): FeedConfigResult {
  const merge = createMerge(FEED_SETTINGS);
  if (sources.file !== undefined) merge.file(sources.file);
  merge.environment(sources.env, VARIABLES, "any");
  for (const flag of sources.set ?? []) merge.flag(flag);
  if (sources.engine !== undefined) merge.option("engine", "--engine", sources.engine);
  if (sources.fleet !== undefined) merge.option("fleet", "--fleet", sources.fleet);
  const values = merge.values() as FeedSettingValues;
  if (!hasErrors(merge.issues)) checkTogether(values, merge);
  if (hasErrors(merge.issues)) return { ok: false, issues: merge.issues };
  return { ok: true, config: toFeedConfig(values) };
}

function checkTogether(values: FeedSettingValues, merge: Merge<FeedSettingKey>): void {
  const report = (key: FeedSettingKey, message: string, fix: string): void => {
    const at = placeOf(merge.origin(key));
    merge.issues.push({ code: "config-conflict", severity: "error", at, message, fix });
  };
  if (values.fleet === "")
    report("fleet", "it is not said which fleet this is about", 'set fleet = "…" in feed.toml, or --fleet');
  if (values.engine === "")
    report(
      "engine",
      "it is not said where the fleet's state is kept",
      'set engine = "etcd://…" in feed.toml, or --engine',
    );
  if (values["etcd.user"] !== "" && values["etcd.ca"] === "")
    report("etcd.user", "a password of etcd goes over TLS only", "set etcd.ca");
  if ((values["etcd.cert"] === "") !== (values["etcd.key"] === ""))
    report("etcd.cert", "a certificate and its key go together", "set both etcd.cert and etcd.key, or none");
  if ((values["etcd.user"] === "") !== (values["etcd.password_file"] === ""))
    report(
      "etcd.user",
      "a user and a password go together",
      "set both etcd.user and etcd.password_file, or none",
    );
  const [feed, http] = [values["feed.address"], values["http.address"]];
  if (feed === http && !feed.endsWith(":0"))
    report(
      "http.address",
      "the feed and http are to listen on the same address",
      "give http an address of its own",
    );
}

function toFeedConfig(values: FeedSettingValues): FeedConfig {
  return {
    fleet: values.fleet,
    engine: values.engine,
    controller: values.controller,
    access: {
      ...given("caFile", values["etcd.ca"]),
      ...given("certFile", values["etcd.cert"]),
      ...given("keyFile", values["etcd.key"]),
      ...given("user", values["etcd.user"]),
      ...given("passwordFile", values["etcd.password_file"]),
    },
    feed: {
      address: values["feed.address"],
      ca: values["feed.ca"],
      cert: values["feed.cert"],
      key: values["feed.key"],
      denied: values["feed.denied"],
      // The authority of a URI: its letters have no case.
      trustDomain: (values["feed.trust_domain"] || values.fleet).toLowerCase(),
      maxStreams: values["feed.max_streams"],
      handshakesPerSecond: values["feed.handshakes_per_second"],
    },
    http: { address: values["http.address"], allowedHosts: values["http.allowed_hosts"] },
    logLevel: values["log.level"],
  };
}

function given<K extends string>(name: K, text: string): { readonly [P in K]?: string } {
  return text === "" ? {} : ({ [name]: text } as { readonly [P in K]?: string });
}
