import { type Channel, listStable } from "../core/fleet/channel.ts";
import { checkPublished } from "../core/fleet/check-published.ts";
import { formatIssue, type Issue } from "../core/issue.ts";
import { openPayload } from "../core/signing/check-signed-state.ts";
import { readEnvelope } from "../core/signing/envelope.ts";
import { addsSignatures } from "../core/signing/refuse-overwrite.ts";
import { describeSignatures, verifySignatures } from "../core/signing/verify-signatures.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { describeSignedState, signedStateJson } from "./describe-signed-state.ts";
import { nameBundle } from "./fleet-figures.ts";
import type { FleetPicture } from "./fleet-report.ts";
import type { PublishOptions } from "./fleet-store-commands.ts";
import type { FleetStorePort } from "./fleet-store-port.ts";
import type { FleetVerifyDeps } from "./fleet-verify.ts";
import { openPublished } from "./open-published.ts";

export interface FleetPublishDeps extends FleetVerifyDeps {
  readonly store: FleetStorePort;
  readonly nowMs: () => number;
}

/**
 * `fleet publish FILE`: a signed document goes into the engine, where a rollout can bring it. No node is told of it by
 * that. What nodes would refuse is not published; with --trust that is also what these keys have not signed.
 */
export async function fleetPublish(
  path: string,
  options: PublishOptions,
  io: CommandIo,
  deps: FleetPublishDeps,
): Promise<ExitCode> {
  const { store, sha256 } = deps;
  const refuse = (messages: readonly string[], about = `${path}: `): ExitCode => {
    if (io.json) printJson(io, "fleet-publish", { refusals: messages });
    for (const message of messages) io.stderr(`mirrorlet: ${about}${message}\n`);
    io.stderr("mirrorlet: nothing was published\n");
    return 65;
  };
  const opened = await openFile(path, options, deps);
  if ("usage" in opened) {
    io.stderr(`mirrorlet: ${opened.usage}\n`);
    return 64;
  }
  // They name the file, and where in it.
  if ("issues" in opened)
    return refuse(
      opened.issues.map((issue) => formatIssue(issue)),
      "",
    );
  const { envelope, state, bytes, checked } = opened;
  const digest = sha256(envelope.payload);
  const [picture, bundles] = await Promise.all([store.look(), store.listBundles()]);
  const channel = picture.channels.find(({ name }) => name === state.channel)?.channel;
  const published = { digest, serial: state.serial, state };
  const { refusals, warnings } = checkPublished(
    published,
    bytes.length,
    store.fleet,
    channel,
    openPublished(bundles, sha256),
    deps.nowMs(),
  );
  const names = picture.channels.map(({ name }) => name);
  const missing =
    channel !== undefined || names.length === 0
      ? []
      : [
          `the fleet has no channel ${state.channel}, but ${names.join(", ")}: make it first, with its nodes: mirrorlet fleet channel set ${state.channel} --label key=value`,
        ];
  if (refusals.length + missing.length > 0) return refuse([...refusals, ...missing]);
  const before = bundles.get(digest);
  const isMore = before !== undefined && addsSignatures(before, bytes);
  if (isMore && isHandedOut(digest, picture))
    return refuse([
      "it was handed out with fewer signatures already, and who has it keeps that: sign it anew with a higher --serial",
    ]);
  const result = await store.putBundle(digest, bytes, isMore ? before : undefined);
  if (result === "other")
    return refuse(["it was published with other signatures, which would be lost: add yours to that file"]);
  const isNew = channel === undefined && (await makeFirst(state.channel, store));
  for (const warning of [...warnings, ...checked]) io.stderr(`mirrorlet: warning: ${warning}\n`);
  if (io.json)
    printJson(io, "fleet-publish", {
      ...signedStateJson(state),
      digest,
      result,
      warnings,
      madeChannel: isNew,
    });
  else {
    for (const line of describeSignedState(state, digest)) io.stderr(`${line}\n`);
    const done = result === "same" ? "was published already" : "is published";
    const made = isNew ? `; ${state.channel} is made, a channel of all nodes` : "";
    io.stdout(`${nameBundle(published)} of ${state.channel} ${done}${made}\n`);
    const which = names.some((name) => name !== state.channel) ? ` --channel ${state.channel}` : "";
    io.stderr(`No node is told of it before: mirrorlet fleet rollout start${which} --to ${state.serial}\n`);
  }
  return 0;
}

/** Servers and nodes may have it. */
function isHandedOut(digest: string, { channels, overrides }: FleetPicture): boolean {
  const given = [
    ...channels.flatMap(({ channel, rollouts }) => [
      ...listStable(channel),
      ...rollouts.flatMap(({ spec: { from, to } }) => (from === undefined ? [to] : [from, to])),
    ]),
    ...[...overrides.values()].flatMap(({ bundle }) => bundle ?? []),
  ];
  return given.some((one) => one.digest === digest);
}

/** False: somebody else has made it meanwhile. */
async function makeFirst(name: string, store: FleetStorePort): Promise<boolean> {
  const first: Channel = { members: {}, scoped: [], generation: 0 };
  return typeof (await store.writeChannel(name, (before) => (before ? "it is there" : first))) !== "string";
}

async function openFile(path: string, options: PublishOptions, deps: FleetPublishDeps) {
  const threshold = /^[1-9]\d?$/.test(options.threshold) ? Number(options.threshold) : undefined;
  if (threshold === undefined) return { usage: "--threshold takes a number of signatures, from 1" };
  const read = await deps.readSources([path]);
  const [file] = read.ok ? read.files : [];
  if (!read.ok || file === undefined) return { issues: read.ok ? [] : read.issues };
  const keys = await deps.readKeys(options.trust ?? []);
  if (!keys.ok) return { issues: [keys.issue] };
  const opened = readEnvelope(file.bytes, file.name);
  if (!opened.ok) return { issues: [opened.issue] };
  const { envelope } = opened;
  const trust = { keys: keys.keys, threshold };
  const report = verifySignatures(envelope, trust, deps.verifyEd25519);
  const isTrusted = keys.keys.length === 0 || report.suffices;
  if (!isTrusted) return { issues: [unsigned(file.name, describeSignatures(report, trust))] };
  const payload = openPayload(envelope, file.name);
  if (!payload.ok) return { issues: payload.issues };
  const checked =
    keys.keys.length === 0
      ? ["no signature was checked: give the public keys of your nodes with --trust"]
      : [];
  return { envelope, state: payload.state, bytes: file.bytes, checked };
}

function unsigned(file: string, words: string): Issue {
  const at = { file, line: 1, column: 1 };
  return {
    code: "signature-insufficient",
    severity: "error",
    at,
    message: `it has ${words}; nodes would refuse it`,
    fix: "have it signed by one more of these keys (mirrorlet fleet sign)",
  };
}
