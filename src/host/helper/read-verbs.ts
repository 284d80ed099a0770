import { observeConfig } from "../../agent/observe-host.ts";
import { type Containerd, type Files, HostError } from "../../agent/ports.ts";
import type { AgentConfig } from "../../core/agent-config/agent-config.ts";
import type { ParsedDesiredState } from "../../core/desired-state/parsed-state.ts";
import type { SourceFile } from "../../core/desired-state/source-file.ts";
import { pathIn } from "./read-args.ts";
import type { Verbs } from "./serve-verbs.ts";

/** The desired state as root has written it. */
export interface RootsDesiredState {
  readonly files: readonly SourceFile[];
  readonly parsed: Pick<ParsedDesiredState, "needs" | "secretsDir" | "canaries">;
}

export interface ReadPorts {
  readonly config: AgentConfig;
  readonly files: Files;
  readonly containerd: Pick<Containerd, "version">;
  readonly findDistrust: (path: string) => Promise<string | undefined>;
  /** Undefined: it is not there, not root's, or cannot be read. */
  readonly desiredState: () => Promise<RootsDesiredState | undefined>;
  /** What signed documents of the feed name. */
  readonly feedsNames: () => Promise<readonly RootsDesiredState["parsed"][]>;
}

/** Files that root alone may read, for the agent to read: those that root's own files name for it, and no other. */
export function readVerbs(ports: ReadPorts): Verbs {
  const { files } = ports;
  return {
    read: {
      changes: false,
      async run(args) {
        const path = pathIn(args);
        const isNamed = path === ports.config.containerd.config || (await namedPaths(ports)).files.has(path);
        if (!isNamed) throw notNamed(path);
        await demandTrust(path, ports);
        return files.read(path);
      },
    },
    "read-tree": {
      changes: false,
      async run(args) {
        const root = pathIn(args, "root");
        if (!(await namedPaths(ports)).trees.has(root)) throw notNamed(root);
        await demandTrust(root, ports);
        return files.readTree(root);
      },
    },
    "desired-state": {
      changes: false,
      run: async () => (await ports.desiredState())?.files,
    },
  };
}

async function demandTrust(path: string, { findDistrust }: ReadPorts): Promise<void> {
  const distrust = await findDistrust(path);
  if (distrust === undefined) return;
  throw new HostError("untrusted", path, `the root helper does not read ${path}: ${distrust}`, {
    retryable: false,
  });
}

interface NamedPaths {
  readonly files: ReadonlySet<string>;
  readonly trees: ReadonlySet<string>;
}

async function namedPaths(ports: ReadPorts): Promise<NamedPaths> {
  const { config, files, containerd, desiredState, feedsNames } = ports;
  const named = { files: new Set<string>(), trees: new Set<string>() };
  const version = await containerd.version();
  if (version !== undefined) {
    const noting: Files = {
      ...files,
      read: (path) => {
        named.files.add(path);
        return files.read(path);
      },
      readTree: (root) => {
        named.trees.add(root);
        return files.readTree(root);
      },
    };
    await observeConfig(noting, config.containerd.config, version);
  }
  const own = (await desiredState())?.parsed;
  for (const { needs, secretsDir } of [...(own ? [own] : []), ...(await feedsNames())]) {
    for (const { path } of needs) named.files.add(path);
    if (secretsDir !== undefined) named.trees.add(secretsDir.text);
  }
  return named;
}

function notNamed(path: string): HostError {
  const message = `the root helper reads for the agent what root's own files name, and ${JSON.stringify(path)} is not among that`;
  return new HostError("helper-refused", path, message, { retryable: false });
}
