import { receiverIn, type WantedReceiver } from "../containerd/config/edit-traces.ts";
import { tracesReceiver } from "../containerd/tracing/traces-endpoint.ts";
import { endpointInTracesFile } from "../containerd/tracing/traces-file.ts";
import type { TracesPlace } from "../containerd/tracing/traces-place.ts";
import { decodeText } from "../decode-text.ts";
import { isOwned } from "../file-tree.ts";
import type { HostState, ObservedTracesFile, ObservedTracing } from "../host-state.ts";
import type { Issue } from "../issue.ts";
import { equalBytes } from "./equal-bytes.ts";
import type { PlanSettings, TracingPlan, TracingSettings } from "./node-plan.ts";
import type { SwitchTracesStep, TextChange } from "./step.ts";

/** What is decided upon when traces are planned. */
export interface Situation {
  readonly host: HostState;
  readonly observed: ObservedTracing;
  readonly settings: TracingSettings;
  readonly digest: PlanSettings["digest"];
  readonly isEdited: boolean;
}

/** Nothing is touched. */
export function stay(
  { settings }: Pick<Situation, "settings">,
  message: string,
  issues: readonly Issue[] = [],
): TracingPlan {
  return { state: "unavailable", message, step: undefined, inForce: settings.last, issues };
}

/** A receiver of ours that config.toml names and is not to. */
export function leftReceiver(situation: Situation): WantedReceiver | undefined {
  const ours = knownReceivers(situation);
  return ours.has(receiverIn(configText(situation)) ?? "") ? { endpoint: "", ours } : undefined;
}

/** Receivers that are ours where config.toml names them. */
export function knownReceivers({ settings }: Situation): ReadonlySet<string> {
  const { last, httpAddress } = settings;
  const named = [tracesReceiver(httpAddress), last?.kind === "config" ? last.endpoint : undefined];
  return new Set(named.filter((endpoint) => endpoint !== undefined));
}

export function configText({ host }: Situation): string {
  return host.config.file === undefined ? "" : decodeText(host.config.file.bytes);
}

/** Whether exactly this was tried on this node and did not work. */
export function hasFailed({ digest }: SwitchTracesStep, { settings }: Situation): boolean {
  return settings.failed?.digest === digest;
}

/** Receivers that we name, or have named: what the running containerd sends there is ours. */
export function knownEndpoints({ observed, settings }: Situation): ReadonlySet<string> {
  const named = observed.files.flatMap((file) => endpointInTracesFile(ownText(file) ?? "") ?? []);
  return new Set(settings.last === undefined ? named : [...named, settings.last.endpoint]);
}

export function fileAt({ path }: TracesPlace, { files }: ObservedTracing): ObservedTracesFile | undefined {
  return files.find(({ place }) => place.path === path);
}

export function removal(found: ObservedTracesFile): readonly TextChange[] {
  const before = ownText(found);
  return before === undefined ? [] : [{ place: found.place, before, after: undefined }];
}

const MAX_OWN_BYTES = 64 * 1024;

/** The text of a file of ours; undefined: there is none, or it is not ours, whatever its first line says. */
export function ownText({ file }: ObservedTracesFile): string | undefined {
  if (file === undefined || !isOwned(file.bytes) || file.bytes.length > MAX_OWN_BYTES) return undefined;
  const text = decodeText(file.bytes);
  return equalBytes(encode(text), file.bytes) ? text : undefined;
}

/** Of what would be in force. */
export function digestOf({ digest }: Situation, files: readonly TextChange[]): string {
  return digest(encode(JSON.stringify(files.map(({ place, after }) => [place.path, after ?? null]))));
}

export function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
