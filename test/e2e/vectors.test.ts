import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before } from "node:test";
import { forEachGeneration, type LabContainerd, startContainerd } from "../support/containerd.ts";
import { buildImage, type LabImage } from "../support/image.ts";
import { labSkipReason } from "../support/lab-parts.ts";
import type { RecordedRequest } from "../support/recorded-request.ts";
import { type ScriptedRegistry, startScriptedRegistry } from "../support/scripted-registry.ts";
import { createCa, type LabCa } from "../support/tls.ts";
import { startUpstreamTrap, type UpstreamTrap } from "../support/upstream-trap.ts";

interface Vector {
  readonly name: string;
  readonly toml: string;
  readonly mirrors_answer: string;
  readonly pull_ref?: "name@digest" | "name:tag@digest";
  readonly results: Readonly<Record<string, Outcome>>;
}

interface Outcome {
  readonly pull: string;
  readonly resolve_order: readonly string[];
  readonly content_from: readonly string[];
  readonly decode_error?: string;
  readonly error?: string;
  readonly other?: readonly string[];
}

/** Needs port 80 of the machine to be free. */
const leftOut = ["http://127.0.0.1 no port + skip_verify"];

const file = join(import.meta.dirname, "../vectors/hosts-toml.json");
const vectors = (JSON.parse(await readFile(file, "utf8")) as { measured: Vector[] }).measured.filter(
  ({ name }) => !leftOut.includes(name),
);

let ca: LabCa;
let trap: UpstreamTrap;
/** The hosts of the legend: a, b, c, u speak plain HTTP, s TLS. */
const hosts = new Map<string, ScriptedRegistry>();

before(async () => {
  if (labSkipReason() !== undefined) return;
  ca = await createCa();
  trap = await startUpstreamTrap();
  const tls = await ca.issueServer();
  for (const name of "abcu") hosts.set(name, await startScriptedRegistry({ closesOnGarbage: true }));
  hosts.set("s", await startScriptedRegistry({ tls }));
});

after(async () => {
  await trap?.stop();
  for (const host of hosts.values()) await host.stop();
});

forEachGeneration("the measured hosts.toml vectors hold", async (generation, context) => {
  const daemon = await startContainerd({ generation, upstreamTrap: trap });
  context.after(() => daemon.stop());
  await writeLabFiles(daemon);
  for (const [index, vector] of vectors.entries()) {
    await context.test(vector.name, async () => {
      const version = Object.keys(vector.results).find((key) => key.startsWith(`${generation}.`)) ?? "";
      const found = vector.results[version];
      assert.ok(found, `no result for containerd ${generation}`);
      const expected = withHeaderRecord(found);
      const repository = `vector/n${index}`;
      assert.deepEqual(
        await measure(daemon, vector, repository, expected),
        expectation(expected, repository),
      );
    });
  }
});

/** Where every header was recorded, the entry stands cut at its spaces in `other`: `AH200{x-one=a;…}`. */
function withHeaderRecord(outcome: Outcome): Outcome {
  const [, name = "", status, headers] = /^([A-Z])H(\d+)(\{.*\})$/.exec(outcome.other?.join(" ") ?? "") ?? [];
  if (name === "") return outcome;
  return { ...outcome, resolve_order: [`${name.toLowerCase()}:${status}${headers}`] };
}

/** Puts the vector's file in place, pulls an image that nobody has, and tells it in the words of the vectors. */
async function measure(daemon: LabContainerd, vector: Vector, repository: string, expected: Outcome) {
  const image = buildImage();
  prepareHosts(vector, repository, image);
  await mkdir(join(daemon.certsD, "gcr.io"), { recursive: true });
  await writeFile(join(daemon.certsD, "gcr.io/hosts.toml"), fillIn(daemon, vector.toml));
  const logBefore = (await daemon.log()).length;
  const result = await daemon.pull(`gcr.io/${repository}${suffix(vector, image)}`);
  const log = (await daemon.log()).slice(logBefore);
  const decodeError = unquoted(fillIn(daemon, expected.decode_error ?? "failed to decode"));
  return {
    pull: result.ok ? "ok" : "error",
    resolve_order: resolveOrder(expected),
    content_from: contentFrom(),
    decodeError: unquoted(log).includes(decodeError),
    error: !result.ok && unquoted(result.message).includes(unquoted(errorText(daemon, expected, repository))),
  };
}

function expectation(expected: Outcome, repository: string) {
  return {
    pull: expected.pull,
    resolve_order: expected.resolve_order.map((entry) => portable(entry).replace("IMG", repository)),
    content_from: expected.content_from,
    decodeError: expected.decode_error !== undefined,
    error: expected.pull === "error",
  };
}

function prepareHosts(vector: Vector, repository: string, image: LabImage): void {
  const refusesHead = vector.mirrors_answer.startsWith("404 to HEAD manifests");
  for (const [name, host] of hosts) {
    host.clearRequests();
    host.put(repository, "1.0", image);
    if (refusesHead && name !== "u")
      host.script({ method: "HEAD", path: /\/manifests\//, does: { kind: "status", status: 404 } });
    else host.script();
  }
  trap.clearContacts();
}

function resolveOrder(expected: Outcome): readonly string[] {
  const heads = [...hosts].flatMap(([name, host]) =>
    host
      .requests()
      .filter(({ method, path }) => method === "HEAD" && path.includes("/manifests/"))
      .map((request) => ({
        at: request.atMs,
        text: `${name}:${request.status}${details(request, expected)}`,
      })),
  );
  const upstream = trap
    .contacts()
    .map(({ atMs, target }) => ({ at: atMs, text: `default-upstream(${target})` }));
  return [...heads, ...upstream].sort((one, other) => one.at - other.at).map(({ text }) => text);
}

/** What follows the status in braces: the URL where the vector shows one, else the headers that it shows. */
function details(request: RecordedRequest, expected: Outcome): string {
  const shown = expected.resolve_order.join(" ");
  if (shown.includes("{/")) {
    const url = `${request.path}?${new URLSearchParams(request.query)}`;
    return request.path.includes("/vector/") && request.status === 404 ? `{${url}}` : "";
  }
  const known = ["x-one", "x-two", "x-root", "authorization", "user-agent"];
  const names = known.filter((name) => shown.includes(`${name}=`) && request.headers[name]);
  return names.length === 0
    ? ""
    : portable(`{${names.map((name) => `${name}=${request.headers[name]}`).join(";")}}`);
}

/** The distribution's patch level is not what a vector is about. */
function portable(entry: string): string {
  return entry.replace(/containerd\/[^};]+/, "containerd/VERSION");
}

function contentFrom(): readonly string[] {
  return [...hosts]
    .filter(([, host]) => host.requests().some(({ method, status }) => method === "GET" && status === 200))
    .map(([name]) => name);
}

function suffix(vector: Vector, image: LabImage): string {
  if (vector.pull_ref === "name@digest") return `@${image.digest}`;
  return vector.pull_ref === "name:tag@digest" ? `:1.0@${image.digest}` : ":1.0";
}

function errorText(daemon: LabContainerd, expected: Outcome, repository: string): string {
  return fillIn(daemon, expected.error ?? "").replaceAll("IMG", repository);
}

function fillIn(daemon: LabContainerd, text: string): string {
  return text
    .replace(/\b([abcus])\.example:\d+/g, (_all, name: string) => hosts.get(name)?.host ?? "")
    .replaceAll("$LAB", join(daemon.dir, "lab"))
    .replaceAll("$ETC", daemon.etc);
}

/** Logs and gRPC messages quote what they quote. */
function unquoted(text: string): string {
  return text.replace(/[\\"]/g, "");
}

async function writeLabFiles(daemon: LabContainerd): Promise<void> {
  const lab = join(daemon.dir, "lab");
  const client = await ca.issueClient("lab client");
  await mkdir(lab);
  await writeFile(join(lab, "ca.crt"), ca.cert);
  await writeFile(join(lab, "cli.crt"), client.cert);
  await writeFile(join(lab, "cli.key"), client.key);
  await writeFile(join(lab, "cli.pem"), client.cert + client.key);
}
