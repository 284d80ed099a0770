/** A containerd release. Distribution suffixes (`1.6.20~ds1`, `2.1.9+unknown`, `v1.7.24-rc.1`) are kept in `text`. */
export interface ContainerdVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  readonly text: string;
}

/** Parses `containerd --version` output or a bare version; undefined when there is no x.y.z in it. */
export function parseContainerdVersion(text: string): ContainerdVersion | undefined {
  const match = /(?:^|[\sv])(\d{1,4})\.(\d{1,4})\.(\d{1,4})(\S*)/.exec(text);
  if (match === null) return undefined;
  const [, major, minor, patch, suffix] = match;
  return {
    major: Number(major),
    minor: Number(minor),
    patch: Number(patch),
    text: `${major}.${minor}.${patch}${suffix}`,
  };
}

/** True when `version` is at least `major.minor.patch`. */
export function isAtLeast(version: ContainerdVersion, major: number, minor: number, patch = 0): boolean {
  if (version.major !== major) return version.major > major;
  if (version.minor !== minor) return version.minor > minor;
  return version.patch >= patch;
}

/**
 * How a release reads registry configuration, as measured on real daemons or read in their source.
 * Every version-dependent decision asks this table; nothing else compares version numbers.
 */
export interface ContainerdTraits {
  /** go-toml v1 (1.x) orders inline host tables and rejects `]` in headers; v2 (2.x) sees only `[host."…"]` headers. */
  readonly tomlLibrary: "go-toml-v1" | "go-toml-v2";
  /** A hosts.toml without any `host` table is dropped (``invalid `host` tree``). */
  readonly requiresHostTable: boolean;
  /** `_default` is looked up. */
  readonly knowsDefaultDirectory: boolean;
  /** `dial_timeout` is read, and a bad value drops the file. */
  readonly knowsDialTimeout: boolean;
  /** `referrers` is a known capability; elsewhere it drops the file. */
  readonly knowsReferrers: boolean;
  /** TLS keys on an http host make containerd try https first. */
  readonly httpsFirst: "never" | "any-port" | "explicit-port-not-80" | "port-not-80";
  /** A default upstream on loopback: https like any other (1.6.0), plain http (1.6.20), or by its port. */
  readonly loopbackUpstream: "https" | "http" | "by-port";
  /** Image references with an IPv6 literal parse. */
  readonly knowsIpv6References: boolean;
  /** CRI pulls go through the transfer service unless something forces a local pull. */
  readonly transferService: boolean;
  /** `a:b` in config_path is split; the transfer service of 2.1+ does not. */
  readonly splitsConfigPath: boolean;
  /** The config_path in force when config.toml names none: certs.d is not read, or the two-directory list. */
  readonly defaultConfigPath: "" | "/etc/containerd/certs.d:/etc/docker/certs.d";
  /** `containerd config dump` shows that default. */
  readonly dumpShowsDefaultConfigPath: boolean;
  /** Highest config.toml `version` the release accepts, and writes in `config default`. */
  readonly maxConfigVersion: 2 | 3 | 4;
  /** A file with a higher `version` stops the daemon; 1.6 takes any number. */
  readonly refusesNewerConfig: boolean;
  /** Every file is migrated on its own before merging (2.3+) instead of the merged document once. */
  readonly migratesEachFile: boolean;
  /** `registry.configs.*.tls` is read; elsewhere it is an unknown key. */
  readonly readsLegacyTls: boolean;
  /** `image_pull_progress_timeout` is read, and a bad value keeps CRI from loading. */
  readonly readsPullProgressTimeout: boolean;
  /** Where nothing else is written; undefined: there is no such timeout. */
  readonly defaultPullProgressTimeoutMs?: number;
  /** The image of every pod's sandbox where config.toml names none. */
  readonly defaultSandboxImage: string;
  /** A drop-in replaces a plugin's whole table (1.x) instead of merging into it (2.x). */
  readonly importsReplacePluginTables: boolean;
  /** Registry configuration is visible in CRI `Status(verbose)`. */
  readonly criStatusShowsRegistry: boolean;
  /** Spans tell of the requests of a pull; 1.6 has spans of its own gRPC server only. */
  readonly tracesPulls: boolean;
  /** Where the OTLP exporter takes its settings from. 1.7.19+ copies config.toml's into the environment, where that is silent. */
  readonly tracingSettings: "config" | "environment" | "environment-then-config";
  /**
   * A CRI pull writes its image records again where nothing changed, so that each of them has more events than pulls:
   * `createImageReference` compared with an empty record until 1.6.29 and 1.7.14.
   */
  readonly rewritesImageRecords: boolean;
  /** Every host that does not resolve an image has a line in the log at level info, not only a 404 and no answer. */
  readonly logsEverySkippedHost: boolean;
  /** How often a host is asked in all that goes on answering 408, 429, or 401 to credentials. */
  readonly statusAttempts: 5 | 6;
  /** The last host is asked once more when it answers 500, 503 or 504. */
  readonly retriesLastHost: boolean;
  /** Headers of a host are sent to its token service too, and a `User-Agent` among them replaces containerd's. */
  readonly hostHeadersGoEverywhere: boolean;
  /** How long a host may take to answer once the request is out; undefined: without limit. */
  readonly answerTimeoutMs?: number;
  /** A digest that no host serves as a manifest is asked for as a blob: in any case, or unless a host refused it. */
  readonly asksBlobsForDigest: "always" | "unless-refused";
  /**
   * Where a redirect leads to another port of the same host, credentials go with it. Go's doing, so a matter of the
   * Go that was current when the release was built (1.21.8, March 2024).
   */
  readonly loginCrossesPorts: boolean;
  /** Manifests of schema 1 are converted; elsewhere they make the pull fail. */
  readonly convertsSchema1: boolean;
}

export function traitsOf(version: ContainerdVersion): ContainerdTraits {
  const at = (major: number, minor: number, patch = 0): boolean => isAtLeast(version, major, minor, patch);
  const is16 = version.major === 1 && version.minor === 6;
  return {
    tomlLibrary: at(2, 0) ? "go-toml-v2" : "go-toml-v1",
    requiresHostTable: at(2, 0) ? false : !at(1, 7, 32),
    knowsDefaultDirectory: at(1, 6, 17),
    knowsDialTimeout: at(2, 0, 7),
    knowsReferrers: at(2, 2),
    httpsFirst: is16
      ? at(1, 6, 25)
        ? "explicit-port-not-80"
        : "never"
      : at(1, 7, 24)
        ? "port-not-80"
        : at(1, 7, 8)
          ? "explicit-port-not-80"
          : at(1, 7, 7)
            ? "any-port"
            : "never",
    loopbackUpstream: (is16 ? at(1, 6, 25) : at(1, 7, 8)) ? "by-port" : at(1, 6, 9) ? "http" : "https",
    knowsIpv6References: at(1, 7),
    transferService: at(2, 1),
    splitsConfigPath: !at(2, 1),
    defaultConfigPath: at(2, 2) ? "/etc/containerd/certs.d:/etc/docker/certs.d" : "",
    dumpShowsDefaultConfigPath: !at(2, 2, 2),
    maxConfigVersion: at(2, 3) ? 4 : at(2, 0) ? 3 : 2,
    refusesNewerConfig: !is16,
    migratesEachFile: at(2, 3),
    readsLegacyTls: !at(2, 0),
    readsPullProgressTimeout: at(1, 7),
    ...(at(1, 7) ? { defaultPullProgressTimeoutMs: (at(1, 7, 10) ? 5 : 1) * 60_000 } : {}),
    defaultSandboxImage: `${defaultPauseRepository(version)}:${defaultPauseTag(version)}`,
    importsReplacePluginTables: !at(2, 0),
    criStatusShowsRegistry: !at(2, 0),
    tracesPulls: at(1, 7),
    tracingSettings: tracingSettingsOf(version),
    logsEverySkippedHost: at(2, 0),
    rewritesImageRecords: is16 ? !at(1, 6, 29) : !at(1, 7, 14),
    statusAttempts: at(2, 3, 2) ? 5 : 6,
    retriesLastHost: at(2, 1),
    hostHeadersGoEverywhere: at(2, 1),
    ...(at(2, 3) ? { answerTimeoutMs: 30_000 } : {}),
    asksBlobsForDigest: asksBlobsUnlessRefused(version) ? "unless-refused" : "always",
    loginCrossesPorts: is16 ? at(1, 6, 29) : at(1, 7, 14),
    convertsSchema1: !at(2, 0),
  };
}

function defaultPauseRepository(version: ContainerdVersion): string {
  return isAtLeast(version, 1, 6, 9) ? "registry.k8s.io/pause" : "k8s.gcr.io/pause";
}

function defaultPauseTag(version: ContainerdVersion): string {
  if (isAtLeast(version, 2, 3)) return "3.10.2";
  if (isAtLeast(version, 2, 2)) return "3.10.1";
  if (isAtLeast(version, 2, 0)) return "3.10";
  return isAtLeast(version, 1, 7) ? "3.8" : "3.6";
}

/** containerd#13007; never fixed in 1.x and 2.1. */
function asksBlobsUnlessRefused(version: ContainerdVersion): boolean {
  const { minor, patch } = version;
  if (!isAtLeast(version, 2, 0)) return false;
  if (version.major === 2 && minor < 3) return (minor === 0 && patch >= 11) || (minor === 2 && patch >= 6);
  return true;
}

/** As read in tracing/plugin/otlp.go (2.x: pkg/tracing/plugin/otlp.go) of every release. */
function tracingSettingsOf(version: ContainerdVersion): ContainerdTraits["tracingSettings"] {
  const { major, minor } = version;
  if (major !== 1) return "environment";
  if (minor === 6) return isAtLeast(version, 1, 6, 32) ? "environment" : "config";
  if (!isAtLeast(version, 1, 7, 16)) return "config";
  return isAtLeast(version, 1, 7, 19) ? "environment-then-config" : "environment";
}
