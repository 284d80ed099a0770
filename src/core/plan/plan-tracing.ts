import { findForeignExporter, findForeignVariable } from "../containerd/tracing/find-exporter.ts";
import { ENDPOINT_VARIABLE } from "../containerd/tracing/traces-file.ts";
import type { HostState } from "../host-state.ts";
import type { Issue } from "../issue.ts";
import type { PlanSettings, TracingPlan } from "./node-plan.ts";
import type { SwitchTracesStep } from "./step.ts";
import { switchOn, switchOnInConfig } from "./switch-traces-on.ts";
import { exporterIssue, foreignFileIssue, tracesTakenBack } from "./tracing-issues.ts";
import {
  configText,
  digestOf,
  fileAt,
  hasFailed,
  knownEndpoints,
  knownReceivers,
  leftReceiver,
  ownText,
  removal,
  type Situation,
  stay,
} from "./tracing-situation.ts";
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
  const stop = exporterOfOthers(situation, wish) ?? withoutExporter(situation);
  if (stop !== undefined) return stop;
  return wish.kind === "on-in-config"
    ? switchOnInConfig(situation, wish.receiver)
    : (obstacle(situation, wish) ?? switchOn(situation, wish));
}

type On = Extract<TracingWish, { kind: "on" }>;
type OnInConfig = Extract<TracingWish, { kind: "on-in-config" }>;

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
  const receiver = leftReceiver(situation);
  const isInConfig = receiver !== undefined;
  const needsRestart = isInConfig || (sending !== undefined && knownEndpoints(situation).has(sending));
  const digest = digestOf(situation, files);
  const step: SwitchTracesStep | undefined =
    files.length === 0 && !isInConfig
      ? undefined
      : { kind: "switch-traces", to: "off", files, isInConfig, needsRestart, digest };
  const { failed, retryFailed } = situation.settings;
  const mayTry = retryFailed && !situation.isEdited;
  const refused = step !== undefined && needsRestart && !mayTry && hasFailed(step, situation);
  if (refused) return stay(situation, tracesTakenBack(failed?.message ?? ""), issues);
  return { state, message, step, receiver, inForce: undefined, issues };
}

/** Whoever sends traces elsewhere, or wants none, goes on doing so. */
function exporterOfOthers(situation: Situation, wish: On | OnInConfig): TracingPlan | undefined {
  const { host, observed } = situation;
  const { path, imports } = host.config;
  const known = knownEndpoints(situation);
  const variable =
    wish.kind === "on" && observed.environment !== undefined
      ? findForeignVariable(observed.environment, new Set([...known, wish.endpoint]))
      : undefined;
  const sources = [{ path, text: configText(situation) }, ...imports];
  const at = findForeignExporter(sources, host.version, knownReceivers(situation));
  if (variable === undefined && at === undefined) return undefined;
  const issue = exporterIssue(at ?? variable ?? "", host.version);
  return switchOff(situation, "unavailable", issue.message, [issue]);
}

function withoutExporter(situation: Situation): TracingPlan | undefined {
  const { observed, host } = situation;
  const { state, message } = observed.exporter;
  if (state === "absent")
    return stay(situation, `containerd ${host.version.text} was built without an exporter of traces`);
  if (state === "unknown")
    return stay(situation, `containerd cannot be asked for its exporter of traces: ${message}`);
  return undefined;
}

/** What keeps us from deciding, or from writing. */
function obstacle(situation: Situation, { place }: On): TracingPlan | undefined {
  const { observed } = situation;
  if (observed.environment === undefined)
    return stay(situation, "the environment of the containerd that runs cannot be read");
  const found = fileAt(place, observed);
  if (found?.trouble !== undefined) return stay(situation, found.trouble);
  if (found?.file === undefined || ownText(found) !== undefined) return undefined;
  const issue = foreignFileIssue(place);
  return stay(situation, issue.message, [issue]);
}
