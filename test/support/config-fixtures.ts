import { readFileSync } from "node:fs";

/** A config.toml as it is found on nodes, with the containerd releases that start on it. */
export interface ConfigFixture {
  readonly name: string;
  readonly versions: readonly string[];
  /** Whether credentials can be added; not where the registry section is an inline table. */
  readonly takesAuth: boolean;
}

const all = ["1.6.20", "1.7.24", "2.1.9"];

export const configFixtures: readonly ConfigFixture[] = [
  { name: "default-1.6.20", versions: ["1.6.20", "1.7.24"], takesAuth: true },
  { name: "default-1.7.24", versions: ["1.7.24", "2.1.9"], takesAuth: true },
  { name: "default-2.1.9", versions: ["2.1.9", "2.3.4"], takesAuth: true },
  { name: "debian", versions: all, takesAuth: true },
  { name: "kubeadm", versions: all, takesAuth: true },
  { name: "nvidia", versions: all, takesAuth: true },
  { name: "k3s", versions: all, takesAuth: true },
  { name: "eks", versions: all, takesAuth: true },
  { name: "crlf", versions: all, takesAuth: true },
  { name: "legacy", versions: all, takesAuth: true },
  { name: "version-1", versions: [...all, "2.3.4"], takesAuth: true },
  { name: "version-3", versions: ["2.1.9", "2.3.4"], takesAuth: true },
  { name: "version-4", versions: ["2.3.4"], takesAuth: true },
  { name: "other-path", versions: all, takesAuth: true },
  { name: "empty", versions: [...all, "2.3.4"], takesAuth: true },
  { name: "dotted", versions: all, takesAuth: true },
  { name: "inline", versions: all, takesAuth: false },
];

export function readConfigFixture(name: string): string {
  return readFileSync(new URL(`../golden/config/${name}.toml`, import.meta.url), "utf8");
}
