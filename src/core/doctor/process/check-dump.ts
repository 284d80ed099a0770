import { redactSecrets } from "../../redact-secrets.ts";
import { atFile, atPath, type Finding } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import { withVersion } from "./check-versions.ts";
import type { ProcessView } from "./process-view.ts";

/** `containerd config dump` of the installed binary is the judge of our model, as far as it shows anything. */
export function checkDump(view: NodeView, process: ProcessView): readonly Finding[] {
  const { dump, installed } = process;
  if (dump === undefined || installed === undefined) return [];
  const { config, traits } = withVersion(view, installed);
  if (!dump.ok) return config.daemon.ok ? [refusal(dump.message, view)] : [];
  // A file that stops the daemon is told by its own finding; what a dump makes of it is no matter.
  if (!config.daemon.ok) return [];
  // 2.2.2+ puts its default in place after what a dump shows.
  const isDefault = traits.defaultConfigPath !== "" && config.configPath === traits.defaultConfigPath;
  const isHidden = dump.configPath === "" && isDefault && !traits.dumpShowsDefaultConfigPath;
  const differences = [
    ...(dump.configPath === config.configPath || isHidden
      ? []
      : [
          `config_path is ${JSON.stringify(dump.configPath)} for containerd, ${JSON.stringify(config.configPath)} for us`,
        ]),
    ...differingMirrors(
      dump.mirrors,
      config.mirrors.map(({ namespace }) => namespace),
    ),
  ];
  if (differences.length === 0) return [];
  const { configPathWritten } = config;
  return [
    {
      code: "config-read-otherwise",
      severity: "warning",
      where: configPathWritten === undefined ? atPath(view.configFile) : atFile(configPathWritten.at),
      fact: `containerd ${installed.text} reads ${view.configFile} otherwise than this program does: ${differences.join("; ")}`,
      consequence: "pulls go as containerd reads it: other findings may be wrong for this node",
      fix: `believe containerd --config ${view.configFile} config dump; an import that this program did not see is the likely reason`,
    },
  ];
}

function refusal(message: string, { configFile }: NodeView): Finding {
  return {
    code: "config-read-otherwise",
    severity: "error",
    where: atPath(configFile),
    fact: `the installed containerd refuses ${configFile}: ${redactSecrets(message)}`,
    consequence:
      "a containerd that runs goes on; it will not come up at its next start, and then every pull fails",
    fix: `mend what it complains of and try again: containerd --config ${configFile} config dump`,
  };
}

function differingMirrors(theirs: readonly string[], ours: readonly string[]): readonly string[] {
  const only = (some: readonly string[], others: readonly string[]) =>
    some.filter((name) => !others.includes(name));
  return [
    ...only(theirs, ours).map(
      (name) => `registry.mirrors.${JSON.stringify(name)} is there for containerd only`,
    ),
    ...only(ours, theirs).map((name) => `registry.mirrors.${JSON.stringify(name)} is there for us only`),
  ];
}
