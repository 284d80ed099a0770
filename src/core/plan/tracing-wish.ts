import { tracesEndpoint, tracesReceiver } from "../containerd/tracing/traces-endpoint.ts";
import type { EnvironmentPlace } from "../containerd/tracing/traces-place.ts";
import { type ContainerdVersion, traitsOf } from "../containerd/version.ts";
import type { TracingSettings } from "./node-plan.ts";

/** What is to be done about traces, before the containerd that runs has been looked at. */
export type TracingWish =
  | { readonly kind: "on"; readonly endpoint: string; readonly place: EnvironmentPlace }
  /** By config.toml, for a release that does not look at its environment. */
  | { readonly kind: "on-in-config"; readonly receiver: string }
  /** What we wrote goes. */
  | { readonly kind: "off"; readonly state: "off" | "unavailable"; readonly message: string }
  /** Nothing is gained here, so nothing is touched. */
  | { readonly kind: "leave"; readonly message: string };

export function tracingWish(
  { wanted, httpAddress, place, sharedUnit }: TracingSettings,
  version: ContainerdVersion,
): TracingWish {
  if (!wanted) return { kind: "off", state: "off", message: "evidence.traces is false in agent.toml" };
  const traits = traitsOf(version);
  if (!traits.tracesPulls)
    return leave(`the traces of containerd ${version.text} do not show its requests to registries`);
  const [endpoint, receiver] = [tracesEndpoint(httpAddress), tracesReceiver(httpAddress)];
  if (endpoint === undefined || receiver === undefined)
    return gone(
      `http.address = "${httpAddress}" leaves the port open until the agent runs: give one, so that containerd can be told`,
    );
  if (traits.tracingSettings === "config") return { kind: "on-in-config", receiver };
  if (place === undefined)
    return gone(
      "containerd.restart is not systemctl's, so it is not known how containerd gets its environment: name a file that its start script reads as containerd.environment_file",
    );
  if (sharedUnit !== undefined && wanted === "auto")
    return gone(
      `containerd.restart restarts ${sharedUnit}, which is not containerd's own: all that it starts would get the OTEL_* environment of the traces; set evidence.traces = true in agent.toml to have that`,
    );
  return { kind: "on", endpoint, place };
}

function leave(message: string): TracingWish {
  return { kind: "leave", message };
}

function gone(message: string): TracingWish {
  return { kind: "off", state: "unavailable", message };
}
