import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { Resolution } from "../../../src/core/containerd/resolve-image.ts";
import type { ResolvedHost } from "../../../src/core/containerd/resolved-host.ts";
import { CERTIFICATE, PRIVATE_KEY } from "./support/pem.ts";
import { CERTS_D, resolve } from "./support/resolve.ts";
import { MEASURED } from "./support/versions.ts";

interface Measured {
  readonly pull: "ok" | "error";
  readonly resolve_order: readonly string[];
  readonly content_from: readonly string[];
  readonly decode_error?: string;
  readonly error?: string;
  readonly other?: readonly string[];
}
interface Vector {
  readonly name: string;
  readonly toml: string;
  readonly mirrors_answer: string;
  readonly pull_ref?: string;
  readonly results: Readonly<Record<string, Measured>>;
}

const file = new URL("../../vectors/hosts-toml.json", import.meta.url);
const vectors = (JSON.parse(readFileSync(file, "utf8")) as { measured: readonly Vector[] }).measured;

/** The libraries' words for what is no TOML at all; everything else is foreseen to the letter. */
const SYNTAX = [
  "failed to parse TOML: (1, 11): unescaped control character U+000A",
  "toml: basic strings cannot have new lines",
  "failed to parse TOML: (3, 2): unexpected token unclosed table key, was expecting a table key",
  "toml: unterminated basic string",
];

const LAB = "/lab";
const FILES = {
  [`${LAB}/ca.crt`]: CERTIFICATE,
  [`${LAB}/cli.crt`]: CERTIFICATE,
  [`${LAB}/cli.key`]: PRIVATE_KEY,
  [`${LAB}/cli.pem`]: CERTIFICATE + PRIVATE_KEY,
};
const DIGEST = `sha256:${"0".repeat(64)}`;

describe("what real daemons did with a hosts.toml", () => {
  test("the vectors are all there", () => assert.equal(vectors.length, 68));
  for (const vector of vectors)
    for (const release of MEASURED)
      test(`${release}: ${vector.name}`, () => {
        const measured = vector.results[release];
        assert.ok(measured);
        check(vector, measured, release);
      });
});

function check(vector: Vector, measured: Measured, release: string): void {
  const name = { "name@digest": `@${DIGEST}`, "name:tag@digest": `:1.0@${DIGEST}` }[vector.pull_ref ?? ""];
  const toml = vector.toml.replaceAll("$LAB", LAB);
  const resolution = resolve(`gcr.io/img${name ?? ":1.0"}`, release, { ...FILES, "gcr.io/hosts.toml": toml });
  const pull = walk(resolution, vector.mirrors_answer.startsWith("404"));
  const expected = orderOf(measured);
  assert.deepEqual(
    pull.order,
    expected.map(({ label }) => label),
    "hosts asked, in order",
  );
  assert.deepEqual(pull.contentFrom, measured.content_from, "who serves the content");
  assert.equal(pull.ok, measured.pull === "ok", "the pull");
  checkDrop(resolution, measured);
  checkFailure(resolution, measured);
  for (const { label, detail } of expected) checkDetail(resolution, label, detail);
}

function checkDrop({ dropped }: Resolution, measured: Measured): void {
  assert.equal(dropped !== undefined, measured.decode_error !== undefined, dropped?.reason ?? "not dropped");
  if (dropped === undefined || SYNTAX.includes(measured.decode_error ?? "")) return;
  const words = measured.decode_error?.replaceAll('\\"', '"').replace(/\\$/, '"');
  assert.equal(dropped.reason, words);
}

function checkFailure({ outcome }: Resolution, measured: Measured): void {
  if (outcome.kind !== "pull-fails") return;
  const words = measured.error?.replaceAll("$ETC/certs.d", CERTS_D);
  assert.ok(words?.endsWith(outcome.reason), `${words} ends with ${outcome.reason}`);
}

/** `{/path}` is the request, `{x-one=a;…}` its headers. */
function checkDetail(resolution: Resolution, label: string, detail: string | undefined): void {
  if (detail === undefined) return;
  const host = resolution.hosts.find((candidate) => label.startsWith(`${labelOf(candidate)}:`));
  assert.ok(host);
  if (detail.startsWith("/")) {
    assert.equal(host.resolve.url.replace(/^https?:\/\/[^/]*/, ""), detail.replaceAll("IMG", "img"));
    return;
  }
  const sent = detail.split(";").filter((header) => !header.startsWith("user-agent="));
  const written = (host.entry.header ?? []).filter(({ name }) => name.toLowerCase() !== "user-agent");
  assert.deepEqual(
    sent,
    written.map(({ name, values }) => `${name.toLowerCase()}=${values.join(",")}`),
  );
}

/** Where the recorder split a line with spaces into `other`, puts it together again. */
function orderOf(measured: Measured): readonly { readonly label: string; readonly detail?: string }[] {
  const split = /^([A-Z])H(\d{3})\{(.*)\}$/.exec((measured.other ?? []).join(" "));
  const order = split
    ? [`${split[1]?.toLowerCase()}:${split[2]}{${split[3]?.replace(", ", ",")}}`]
    : measured.resolve_order;
  return order.map((entry) => {
    const [label = "", detail] = entry.split("{");
    return { label, ...(detail === undefined ? {} : { detail: detail.replace("}", "") }) };
  });
}

/** The lab's servers: a, b, c and u speak plain HTTP, s speaks TLS with the lab's CA, nobody else answers. */
function walk(resolution: Resolution, mirrorsLackTheImage: boolean) {
  const order: string[] = [];
  const resolvers = resolution.hosts.filter(({ resolves }) => resolves);
  const resolver = resolvers.find((host) => {
    const label = labelOf(host);
    if (!answers(host)) return record(host, order);
    const status = mirrorsLackTheImage && label !== "u" ? 404 : 200;
    order.push(`${label}:${status}`);
    return status === 200;
  });
  if (resolver === undefined) return { order, contentFrom: [], ok: false };
  const contentFrom = new Set<string>();
  for (const _object of ["manifest", "config", "layer"]) {
    const server = resolution.hosts.find((host) => (answers(host) ? true : record(host, order)));
    if (server) contentFrom.add(labelOf(server));
  }
  return { order, contentFrom: [...contentFrom], ok: true };
}

/** Only what went through the lab's proxy was seen: https to a name that is not the lab's. */
function record(host: ResolvedHost, order: string[]): false {
  const { scheme, host: name } = host.entry;
  const isLab = name.endsWith(".example:5000") || name.endsWith(".example:5443") || name.startsWith("127.");
  if (scheme === "https" && !isLab) order.push(`default-upstream(${name.replace(/:$/, "")}:443)`);
  return false;
}

function answers({ entry }: ResolvedHost): boolean {
  const speaksTls = entry.scheme === "https" || entry.httpsFirst;
  if (/^[abcu]\.example:5000$/.test(entry.host)) return entry.scheme === "http" && !speaksTls;
  const isTrusted = entry.skipVerify === true || entry.ca?.includes(`${LAB}/ca.crt`) === true;
  return entry.host === "s.example:5443" && speaksTls && isTrusted;
}

function labelOf({ entry }: ResolvedHost): string {
  return entry.host.slice(0, 1);
}
