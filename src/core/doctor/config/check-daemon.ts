import type { RefusalKind } from "../../containerd/config/config-file.ts";
import { atFile, type Finding, type FindingCode } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import { RESTART } from "./config-edit.ts";

const CODES: Readonly<Record<Exclude<RefusalKind, "required-plugin">, FindingCode>> = {
  syntax: "config-not-toml",
  type: "config-wrong-type",
  version: "config-version-refused",
  "plugin-name": "plugin-name-refused",
  import: "import-missing",
};

/** What keeps containerd from starting. A CRI plugin that is required and does not load has a finding of its own. */
export function checkDaemon(view: NodeView): readonly Finding[] {
  const { daemon } = view.config;
  if (daemon.ok || daemon.kind === "required-plugin") return [];
  const { kind, reason, at } = daemon;
  return [
    {
      code: CODES[kind],
      severity: "error",
      where: atFile(at),
      fact: `containerd ${view.version.text} does not start with this: ${reason}`,
      consequence:
        "containerd does not come up again after its next restart: no image is pulled and no pod starts on this node",
      fix: `${fixOf(kind, view)}, then ${RESTART}`,
    },
  ];
}

function fixOf(kind: keyof typeof CODES, { traits, config, configFile, dropIns }: NodeView): string {
  const at = config.daemon.ok ? undefined : config.daemon.at;
  const line = `line ${at?.line} of ${at?.file}`;
  switch (kind) {
    case "syntax":
      return `mend ${line}; \`containerd -c ${configFile} config dump\` says whether it reads`;
    case "type":
      return `give the value in ${line} the type it should have (a string in quotes, a list in brackets, true or false without quotes)`;
    case "version":
      return fixVersion(line, traits.migratesEachFile, traits.maxConfigVersion);
    case "plugin-name":
      // Its full name would be understood, and CRI would be off.
      if (!config.daemon.ok && config.daemon.reason.includes('disabled plugin URI "cri"'))
        return `take "cri" out of disabled_plugins in ${line}: kubelet needs it`;
      return `write the plugin's full name in ${line}, such as "io.containerd.grpc.v1.cri" instead of "cri"`;
    case "import": {
      const [first] = dropIns.missing;
      if (first?.isMatched === true)
        return `ls -l ${first.path}, then put a file there or move it away: ${line} imports all that has such a name`;
      return `create the file, or take it out of \`imports\` in ${line}`;
    }
  }
}

function fixVersion(line: string, eachFile: boolean, max: number): string {
  return eachFile
    ? `set the version in ${line} to that of config.toml, at most ${max}, with the sections of that version`
    : `set version = ${max} in ${line}, with the sections of that version`;
}
