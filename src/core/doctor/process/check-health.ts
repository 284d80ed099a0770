import { redactSecrets } from "../../redact-secrets.ts";
import type { Finding } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import type { ProcessView } from "./process-view.ts";

/** Nobody serves the socket, or whoever does cannot pull. */
export function checkAbsence({ notRunning, configFile }: NodeView): readonly Finding[] {
  if (notRunning === undefined) return [];
  const { socket, restart } = notRunning;
  return [
    {
      code: "daemon-not-running",
      severity: "error",
      where: { kind: "file", at: { file: socket, line: 1, column: 1 } },
      fact: `containerd is installed, and nobody listens at ${socket}`,
      consequence: "every pull fails, and no container is started",
      fix: `${restart}; when it does not come up, containerd --config ${configFile} config dump and its journal say why`,
    },
  ];
}

/** What the files say already is not told a second time. */
export function checkHealth({ config }: NodeView, process: ProcessView): readonly Finding[] {
  const { pid, socket, health, restart } = process;
  if (health === undefined || (health.criReady && health.failedPlugins.length === 0)) return [];
  const isExplained = !config.daemon.ok || !config.criLoads.ok;
  if (isExplained && health.reachable) return [];
  const [plugin] = health.failedPlugins;
  const words = redactSecrets(plugin?.message ?? health.message ?? "it gives no reason");
  return [
    {
      code: "cri-not-answering",
      severity: "error",
      where: { kind: "process", pid, what: plugin === undefined ? socket : `plugin ${plugin.id}` },
      fact:
        plugin === undefined
          ? `containerd does not answer as it should: ${words}`
          : `the plugin ${plugin.id} did not load: ${words}`,
      consequence: "the kubelet cannot have images pulled: every pull fails, whatever the mirrors do",
      fix: plugin === undefined ? restart : `mend what containerd complains of, then ${restart}`,
    },
  ];
}
