import { parseConfigFile } from "../containerd/config/config-file.ts";
import { receiverIn } from "../containerd/config/edit-traces.ts";
import { renderTracesFile, tracesEnvironment } from "../containerd/tracing/traces-file.ts";
import type { TracesPlace } from "../containerd/tracing/traces-place.ts";
import { traitsOf } from "../containerd/version.ts";
import { decodeText } from "../decode-text.ts";
import type { TracesInForce, TracingPlan } from "./node-plan.ts";
import type { SwitchTracesStep } from "./step.ts";
import { noEffectIssue, tracesTakenBack } from "./tracing-issues.ts";
import {
  configText,
  digestOf,
  encode,
  fileAt,
  hasFailed,
  knownReceivers,
  leftReceiver,
  ownText,
  removal,
  type Situation,
  stay,
} from "./tracing-situation.ts";
import type { TracingWish } from "./tracing-wish.ts";

/** What is told while it is so. */
export const TRACES_ON = "containerd sends the traces of its pulls to the agent";

/** By a file of ours, in the environment of containerd. */
export function switchOn(
  situation: Situation,
  { endpoint, place }: Extract<TracingWish, { kind: "on" }>,
): TracingPlan {
  const { observed, settings, isEdited } = situation;
  const text = renderTracesFile(place.kind, endpoint);
  const found = fileAt(place, observed);
  const before = found && ownText(found);
  const others = observed.files.filter((file) => file.place.path !== place.path);
  const receiver = leftReceiver(situation);
  const isInConfig = receiver !== undefined;
  const runs = Object.entries(tracesEnvironment(endpoint)).every(
    ([name, value]) => observed.environment?.[name] === value,
  );
  const needsRestart = isInConfig || !runs;
  const own = before === text && !needsRestart ? [] : [{ place, before, after: text }];
  const files = [...own, ...others.flatMap(removal)];
  const inForce: TracesInForce = { ...place, digest: situation.digest(encode(text)), endpoint };
  const digest = digestOf(situation, [{ place, before: undefined, after: text }]);
  const step: SwitchTracesStep = {
    kind: "switch-traces",
    to: "on",
    files,
    isInConfig,
    needsRestart,
    digest,
  };
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
      receiver,
      inForce,
      issues: [],
    };
  const change = files.length === 0 ? undefined : step;
  if (observed.exporter.state === "running")
    return { state: "on", message: TRACES_ON, step: change, inForce, issues: [] };
  const issue = noEffectIssue(place, observed.exporter.message);
  return { state: "unavailable", message: issue.message, step: change, inForce, issues: [issue] };
}

/** One key of config.toml. Files that were written for a newer containerd go. */
export function switchOnInConfig(situation: Situation, endpoint: string): TracingPlan {
  const { host, observed, settings, isEdited } = situation;
  const { path } = host.config;
  const place: TracesPlace = { kind: "config", path };
  const inForce: TracesInForce = { ...place, digest: situation.digest(encode(endpoint)), endpoint };
  const digest = digestOf(situation, [{ place, before: undefined, after: endpoint }]);
  const { failed, retryFailed } = settings;
  const isFailed = failed?.digest === digest;
  if (receiverIn(configText(situation)) === endpoint) {
    const { state, message } = observed.exporter;
    if (state === "running") return { state: "on", message: TRACES_ON, step: undefined, inForce, issues: [] };
    const issue = noEffectIssue(place, isFailed ? failed.message : message);
    if (isFailed || state === "failed") return stay(situation, issue.message, [issue]);
    return {
      ...stay(situation, `containerd has not been restarted since ${path} says so`),
      state: "pending",
    };
  }
  if (isFailed && (!retryFailed || isEdited)) return stay(situation, tracesTakenBack(failed.message));
  if (isOfVersion1(situation))
    return stay(
      situation,
      `${path} is of version 1, in which plugins are told by other names: give it version = 2`,
    );
  const files = observed.files.flatMap(removal);
  const message = "containerd has to be restarted for it once";
  const step = {
    kind: "switch-traces",
    to: "on",
    files,
    isInConfig: true,
    needsRestart: true,
    digest,
  } as const;
  const receiver = { endpoint, ours: knownReceivers(situation) };
  return { state: "pending", message, step, receiver, inForce, issues: [] };
}

function isOfVersion1({ host }: Situation): boolean {
  const { path, file } = host.config;
  if (file === undefined) return false;
  const parsed = parseConfigFile({ path, text: decodeText(file.bytes) }, traitsOf(host.version));
  return "schema" in parsed && parsed.schema < 2;
}
