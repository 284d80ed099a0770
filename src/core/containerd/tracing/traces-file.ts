import { OWNERSHIP_MARKER } from "../../file-tree.ts";

/** The variable that names our receiver, and by which a running containerd is known to send its spans there. */
export const ENDPOINT_VARIABLE = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

/**
 * The environment in which containerd sends every span to the agent. The variables for traces alone are used: they
 * leave those for all signals to whoever needs them. `always_on`: also where kubelet's own sampling says no.
 * See https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export function tracesEnvironment(endpoint: string): Readonly<Record<string, string>> {
  return {
    [ENDPOINT_VARIABLE]: endpoint,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/protobuf",
    OTEL_TRACES_SAMPLER: "always_on",
    // Milliseconds. The default of 5 s would let a verdict lag behind the pull.
    OTEL_BSP_SCHEDULE_DELAY: "1000",
    // Spans. What does not fit is dropped unseen, and a few images with many layers at once fill the default of 2048.
    OTEL_BSP_MAX_QUEUE_SIZE: "8192",
  };
}

const EXPLANATION = `# containerd sends the traces of its pulls to the agent on this node.
# evidence.traces = false in agent.toml switches that off; this file then goes.`;

/** The whole file, as it should be on the node. */
export function renderTracesFile(kind: "drop-in" | "environment-file", endpoint: string): string {
  const pairs = Object.entries(tracesEnvironment(endpoint)).map(([name, value]) => `${name}=${value}`);
  const lines = kind === "drop-in" ? ["[Service]", ...pairs.map((pair) => `Environment=${pair}`)] : pairs;
  return `${[OWNERSHIP_MARKER, EXPLANATION, ...lines].join("\n")}\n`;
}

/** The receiver that such a file names, whoever has changed it since; undefined: none. */
export function endpointInTracesFile(text: string): string | undefined {
  return new RegExp(`^(?:Environment=)?${ENDPOINT_VARIABLE}=(\\S+)\\s*$`, "m").exec(text)?.[1];
}
