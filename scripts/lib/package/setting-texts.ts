import type { SettingKey } from "../../../src/core/agent-config/settings.ts";

/** What each key of agent.toml means, for agent.toml itself and its manual page. A key without a text does not compile. */
export const SETTING_TEXTS: Readonly<Record<SettingKey | "helper" | "helper_state", string>> = {
  desired_state:
    "The desired state: a file, or a directory of *.yaml, *.yml and *.json files. With a feed, what counts until that has chosen something.",
  secrets_dir: "Where Secrets that a desired state names are looked for, if they are not in it.",
  pull_secret: "A docker config.json with credentials for mirrors that name none.",
  state_dir:
    "The apply record, the last good desired state, originals of what was changed, the key of the witness, the lowest serial that is still taken.",
  style:
    '"certs.d": a hosts.toml for each registry. "legacy": registry.mirrors in config.toml, for fleets that must stay on it.',
  credentials:
    'Where credentials for mirrors are written. "header": hosts.toml, without a restart. "cri": config.toml, for mirrors with a token service. "auto" asks the mirror.',
  preflight:
    'What happens when a mirror does not answer before anything is written. "warn": it is told. "strict": the desired state is rejected. "off": none is asked.',
  resync: "Everything is looked at again at least this often.",
  "containerd.config": "containerd's configuration file.",
  "containerd.certs_d": "The directory of host directories that containerd is had read.",
  "containerd.socket": "containerd's socket.",
  "containerd.binary": "The containerd program, by name or path: it checks each new config.toml.",
  "containerd.restart": "The command that restarts containerd.",
  "containerd.environment_file":
    "Where systemd does not start containerd: the file of KEY=value lines that your start script gives it.",
  "http.address": "Where the page, /status.json, /health, /livez, /readyz, /metrics and /v1/traces are.",
  "http.metrics_address": "/health, /livez, /readyz and /metrics also here, for others than this node.",
  "http.allowed_hosts":
    "Names by which the addresses above may be asked, besides IP addresses and localhost.",
  "evidence.traces":
    'Whether containerd sends its traces to http.address; switching that takes one restart of it. "auto": unless containerd.restart names a unit that is not its own.',
  "evidence.witness": "The agent is the last host of each hosts.toml, and sees what no mirror served.",
  "evidence.witness_address":
    "Where the witness listens: IPv4 loopback, and below port 1024, which no other user can take.",
  "evidence.canary_interval": "Each image under canaries of the desired state is pulled this often.",
  "evidence.probe_interval": "Each mirror is asked this often how it answers.",
  "feed.address":
    "The fleet's feed, host:port or unix:/path: what it assigns to this node is put in force, and desired_state is read only until then.",
  "feed.ca": "PEM file with the CAs that may have signed the feed's certificate. Empty: the public ones.",
  "feed.cert":
    "PEM file with the certificate that this node shows; it names the node as the URI spiffe://…/node/ID, with ID as node.id. Read anew at each connection.",
  "feed.key":
    "Its private key, PEM. Nobody but root, the agent's user and the group may read it (0640 root:mirrorlet).",
  "feed.unsigned":
    "Without trust.keys, take documents that nobody has to have signed: who can write to the feed then chooses where images come from.",
  "trust.keys":
    'Who may sign the desired state: paths of PEM files with public keys, or keys as "ed25519:…"; mirrorlet fleet keygen prints them. None: nobody has to.',
  "trust.threshold": "So many different keys have to have signed.",
  "trust.unsigned_files":
    "A desired state that nobody has signed is taken all the same; without keys also one whose signatures nobody checks.",
  "node.id": "What signed desired state calls this node. Empty: its host name.",
  "node.fleet": "The fleet this node is in: a state signed for another is refused. Needed with trust.keys.",
  "node.channel": "The channel of that fleet: a state signed for another is refused.",
  "node.labels": 'What this node is, such as "class=gpu": a state may be signed for those with a label.',
  "log.level": "Events of this level and above are logged.",
  helper:
    "The socket of the root helper, which does what the agent may not. Empty: the agent does all itself, as root. The unit sets it in the environment.",
  helper_state:
    "Where the root helper keeps what it must not forget: its restarts, its changes, how directories stood before.",
};
