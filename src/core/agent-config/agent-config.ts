import { readLabels } from "./setting-kinds.ts";
import type { SettingValues } from "./settings.ts";

/** The agent's own configuration, effective values. Paths are as on the node, before `--root`; durations in ms. */
export interface AgentConfig {
  /** A file, or a directory of files. */
  readonly desiredState: string;
  readonly secretsDir: string;
  /** docker config.json with credentials for forms that carry none. */
  readonly pullSecret: string | undefined;
  readonly stateDir: string;
  readonly style: SettingValues["style"];
  readonly credentials: SettingValues["credentials"];
  readonly preflight: SettingValues["preflight"];
  readonly resyncMs: number;
  /** Socket of the root helper; undefined: what takes root's rights is done by this process itself. */
  readonly helper: string | undefined;
  /** Where the helper keeps what it must not forget, root's alone. */
  readonly helperState: string;
  readonly containerd: {
    readonly config: string;
    readonly certsD: string;
    readonly socket: string;
    readonly binary: string;
    readonly restart: readonly string[];
    /** `KEY=value` lines that whatever starts containerd reads; undefined: a drop-in of its unit takes them. */
    readonly environmentFile: string | undefined;
  };
  readonly http: {
    /** host:port */
    readonly address: string;
    /** host:port where metrics and health are served instead; undefined: on `address`. */
    readonly metricsAddress: string | undefined;
    /** Values of the Host header that are answered besides the listen address and loopback. */
    readonly allowedHosts: readonly string[];
  };
  readonly evidence: {
    /** auto: where the environment of containerd's unit is containerd's alone. */
    readonly traces: SettingValues["evidence.traces"];
    readonly witness: boolean;
    /** host:port, IPv4 loopback. */
    readonly witnessAddress: string;
    readonly canaryIntervalMs: number;
    readonly probeIntervalMs: number;
  };
  /** Undefined: the desired state comes from `desiredState`. */
  readonly feed:
    | {
        /** host:port or unix:/path */
        readonly address: string;
        readonly ca: string | undefined;
        readonly cert: string | undefined;
        readonly key: string | undefined;
        /** Without `trust.keys` its documents are taken all the same. */
        readonly unsigned: boolean;
      }
    | undefined;
  /** Who has to have signed the desired state; no keys: nobody. */
  readonly trust: {
    /** Paths of PEM files, and `ed25519:` keys. */
    readonly keys: readonly string[];
    readonly threshold: number;
    /** A file that nobody has signed is taken all the same. */
    readonly unsignedFiles: boolean;
  };
  /** What this node is, for signed desired state to name: by its own word, never by that of others. */
  readonly node: {
    /** Undefined: the host name. */
    readonly id: string | undefined;
    /** "" for none. */
    readonly fleet: string;
    readonly channel: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly logLevel: SettingValues["log.level"];
}

export function toAgentConfig(values: SettingValues): AgentConfig {
  return {
    desiredState: values.desired_state,
    secretsDir: values.secrets_dir,
    pullSecret: given(values.pull_secret),
    stateDir: values.state_dir,
    style: values.style,
    credentials: values.credentials,
    preflight: values.preflight,
    resyncMs: values.resync,
    helper: given(values.helper),
    helperState: values.helper_state,
    containerd: {
      config: values["containerd.config"],
      certsD: values["containerd.certs_d"],
      socket: values["containerd.socket"],
      binary: values["containerd.binary"],
      restart: values["containerd.restart"],
      environmentFile: given(values["containerd.environment_file"]),
    },
    http: {
      address: values["http.address"],
      metricsAddress: given(values["http.metrics_address"]),
      allowedHosts: values["http.allowed_hosts"],
    },
    evidence: {
      traces: values["evidence.traces"],
      witness: values["evidence.witness"],
      witnessAddress: values["evidence.witness_address"],
      canaryIntervalMs: values["evidence.canary_interval"],
      probeIntervalMs: values["evidence.probe_interval"],
    },
    feed: toFeed(values),
    trust: {
      keys: values["trust.keys"],
      threshold: values["trust.threshold"],
      unsignedFiles: values["trust.unsigned_files"],
    },
    node: {
      id: given(values["node.id"]),
      fleet: values["node.fleet"],
      channel: values["node.channel"],
      labels: readLabels(values["node.labels"]) ?? {},
    },
    logLevel: values["log.level"],
  };
}

function toFeed(values: SettingValues): AgentConfig["feed"] {
  if (values["feed.address"] === "") return undefined;
  return {
    address: values["feed.address"],
    ca: given(values["feed.ca"]),
    cert: given(values["feed.cert"]),
    key: given(values["feed.key"]),
    unsigned: values["feed.unsigned"],
  };
}

function given(text: string): string | undefined {
  return text === "" ? undefined : text;
}
