import { findForeignExporter, findForeignVariable } from "../containerd/tracing/find-exporter.ts";
import {
  ENDPOINT_VARIABLE,
  endpointInTracesFile,
  renderTracesFile,
  tracesEnvironment,
} from "../containerd/tracing/traces-file.ts";
import type { TracesPlace } from "../containerd/tracing/traces-place.ts";
import { isOwned } from "../file-tree.ts";
import type { HostState, ObservedTracesFile, ObservedTracing } from "../host-state.ts";
import type { Issue } from "../issue.ts";
import { equalBytes } from "./equal-bytes.ts";
import type { PlanSettings, TracesInForce, TracingPlan, TracingSettings } from "./node-plan.ts";
import type { SwitchTracesStep, TextChange } from "./step.ts";
import { exporterIssue, foreignFileIssue, noEffectIssue, tracesTakenBack } from "./tracing-issues.ts";
import { type TracingWish, tracingWish } from "./tracing-wish.ts";

/**
 * Whether and how containerd is had tell about its pulls. `isEdited`: the plan has a change of config.toml as well,
 * with which what failed before is not tried again: mirrors do not wait for traces.
 */
export function planTracing(
  host: HostState,
  { tracing: settings, digest }: PlanSettings,
  isEdited: boolean,
): TracingPlan | undefined {
  if (host.tracing === undefined || settings === undefined) return undefined;
  const situation: Situation = { host, observed: host.tracing, settings, digest, isEdited };
  const wish = tracingWish(settings, host.version);
  if (wish.kind === "leave") return stay(situation, wish.message);
  if (wish.kind === "off") return switchOff(situation, wish.state, wish.message);
  return exporterOfOthers(situation, wish) ?? obstacle(situation, wish) ?? switchOn(situation, wish);
}

interface Situation {
  readonly host: HostState;
  readonly observed: ObservedTracing;
  readonly settings: TracingSettings;
  readonly digest: PlanSettings["digest"];
  readonly isEdited: boolean;
}

type On = Extract<TracingWish, { kind: "on" }>;

/** What is told while it is so. */
export const TRACES_ON = "containerd sends the traces of its pulls to the agent";

function stay(
  { settings }: Pick<Situation, "settings">,
  message: string,
  issues: readonly Issue[] = [],
): TracingPlan {
  return { state: "unavailable", message, step: undefined, inForce: settings.last, issues };
}

/** Our files go. containerd needs no restart when it does not send to us, whatever the files say. */
function switchOff(
  situation: Situation,
  state: TracingPlan["state"],
  message: string,
  issues: readonly Issue[] = [],
): TracingPlan {
  const { observed } = situation;
  const files = observed.files.flatMap(removal);
  const sending = observed.environment?.[ENDPOINT_VARIABLE];
  const needsRestart = sending !== undefined && knownEndpoints(situation).has(sending);
  const step: SwitchTracesStep | undefined =
    files.length === 0
      ? undefined
      : { kind: "switch-traces", to: "off", files, needsRestart, digest: digestOf(situation, files) };
  const refused = step !== undefined && needsRestart && hasFailed(step, situation);
  if (refused) return stay(situation, tracesTakenBack(situation.settings.failed?.message ?? ""), issues);
  return { state, message, step, inForce: undefined, issues };
}

/** Whoever sends traces elsewhere, or wants none, goes on doing so. */
function exporterOfOthers(situation: Situation, { endpoint }: On): TracingPlan | undefined {
  const { host, observed } = situation;
  const known = new Set([...knownEndpoints(situation), endpoint]);
  const variable = observed.environment && findForeignVariable(observed.environment, known);
  const { path, file, imports } = host.config;
  const main = file === undefined ? [] : [{ path, text: decode(file.bytes) }];
  const at = findForeignExporter([...main, ...imports], host.version);
  if (variable === undefined && at === undefined) return undefined;
  const issue = exporterIssue(at ?? variable ?? "", host.version);
  return switchOff(situation, "unavailable", issue.message, [issue]);
}

/** What keeps us from deciding, or from writing. */
function obstacle(situation: Situation, { place }: On): TracingPlan | undefined {
  const { observed, host } = situation;
  const { exporter } = observed;
  if (exporter.state === "absent")
    return stay(situation, `containerd ${host.version.text} was built without an exporter of traces`);
  if (exporter.state === "unknown")
    return stay(situation, `containerd cannot be asked for its exporter of traces: ${exporter.message}`);
  if (observed.environment === undefined)
    return stay(situation, "the environment of the containerd that runs cannot be read");
  const found = fileAt(place, observed);
  if (found?.trouble !== undefined) return stay(situation, found.trouble);
  if (found?.file === undefined || ownText(found) !== undefined) return undefined;
  const issue = foreignFileIssue(place);
  return stay(situation, issue.message, [issue]);
}

function switchOn(situation: Situation, { endpoint, place }: On): TracingPlan {
  const { observed, settings, isEdited } = situation;
  const text = renderTracesFile(place.kind, endpoint);
  const found = fileAt(place, observed);
  const before = found && ownText(found);
  const others = observed.files.filter((file) => file.place.path !== place.path);
  const needsRestart = !Object.entries(tracesEnvironment(endpoint)).every(
    ([name, value]) => observed.environment?.[name] === value,
  );
  const own = before === text && !needsRestart ? [] : [{ place, before, after: text }];
  const files = [...own, ...others.flatMap(removal)];
  const inForce: TracesInForce = { ...place, digest: situation.digest(encode(text)), endpoint };
  const digest = digestOf(situation, [{ place, before: undefined, after: text }]);
  const step: SwitchTracesStep = { kind: "switch-traces", to: "on", files, needsRestart, digest };
  const { failed, retryFailed } = settings;
  if (needsRestart && hasFailed(step, situation) && (!retryFailed || isEdited)) {
    const message = failed?.message ?? "";
    if (failed?.takenBack === true) return stay(situation, tracesTakenBack(message));
    const issue = noEffectIssue(place, message);
    return stay(situation, issue.message, [issue]);
  }
  if (needsRestart)
    return {
      state: "pending",
      message: "containerd has to be restarted for it once",
      step,
      inForce,
      issues: [],
    };
  const change = files.length === 0 ? undefined : step;
  if (observed.exporter.state === "running")
    return { state: "on", message: TRACES_ON, step: change, inForce, issues: [] };
  const issue = noEffectIssue(place, observed.exporter.message);
  return { state: "unavailable", message: issue.message, step: change, inForce, issues: [issue] };
}

function hasFailed({ digest }: SwitchTracesStep, { settings }: Situation): boolean {
  return settings.failed?.digest === digest;
}

/** Receivers that we name, or have named: what the running containerd sends there is ours. */
function knownEndpoints({ observed, settings }: Situation): ReadonlySet<string> {
  const named = observed.files.flatMap((file) => endpointInTracesFile(ownText(file) ?? "") ?? []);
  return new Set(settings.last === undefined ? named : [...named, settings.last.endpoint]);
}

function fileAt({ path }: TracesPlace, { files }: ObservedTracing): ObservedTracesFile | undefined {
  return files.find(({ place }) => place.path === path);
}

function removal(found: ObservedTracesFile): readonly TextChange[] {
  const before = ownText(found);
  return before === undefined ? [] : [{ place: found.place, before, after: undefined }];
}

const MAX_OWN_BYTES = 64 * 1024;

/** The text of a file of ours; undefined: there is none, or it is not ours, whatever its first line says. */
function ownText({ file }: ObservedTracesFile): string | undefined {
  if (file === undefined || !isOwned(file.bytes) || file.bytes.length > MAX_OWN_BYTES) return undefined;
  const text = decode(file.bytes);
  return equalBytes(encode(text), file.bytes) ? text : undefined;
}

function digestOf({ digest }: Situation, files: readonly TextChange[]): string {
  return digest(encode(JSON.stringify(files.map(({ place, after }) => [place.path, after ?? null]))));
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
