import { endpointInTracesFile, renderTracesFile } from "../containerd/tracing/traces-file.ts";
import { type EnvironmentPlace, serviceName } from "../containerd/tracing/traces-place.ts";
import { isLoopbackReceiver } from "./loopback-receiver.ts";

const PATH = "/v1/traces";

/** Whether a file is, byte for byte, what we render for a receiver on this node: no other directive has a place in it. */
export function isOurTracesFile(kind: EnvironmentPlace["kind"], text: string): boolean {
  const endpoint = endpointInTracesFile(text) ?? "";
  if (!endpoint.endsWith(PATH) || !isLoopbackReceiver(endpoint.slice(0, -PATH.length))) return false;
  return renderTracesFile(kind, endpoint) === text;
}

/** Whether a path is that of a drop-in of ours, of whichever unit: from before another unit was named in agent.toml. */
export function isTracesDropIn(path: string): boolean {
  const unit = /^\/etc\/systemd\/system\/([^/]+)\.d\/50-mirrorlet-traces\.conf$/.exec(path)?.[1];
  return unit !== undefined && serviceName(unit) === unit;
}
