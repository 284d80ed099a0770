import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { explainErrorText } from "../../../../../src/core/doctor/pulls/error/explain-error-text.ts";
import { CERTS_D, CONFIG, codesOf, goodConfig } from "../../../../support/doctored-node.ts";
import { hostsNode } from "../../hosts/hosts-node.ts";
import { CONFIG_TEXTS } from "./config-texts.ts";

interface Vector {
  readonly name: string;
  readonly toml: string;
  readonly results: Readonly<Record<string, { readonly decode_error?: string }>>;
}

const file = new URL("../../../../vectors/hosts-toml.json", import.meta.url);
const vectors = (JSON.parse(readFileSync(file, "utf8")) as { measured: readonly Vector[] }).measured;

test("a hosts.toml that is dropped has one code, found in the file or in containerd's log", async () => {
  let count = 0;
  for (const { name, toml, results } of vectors)
    for (const [release, { decode_error: reason }] of Object.entries(results)) {
      // A file that says nothing at all loses nothing.
      if (reason === undefined || toml.trim() === "") continue;
      const line = `time="2026-11-21T22:10:00Z" level=error msg="failed to decode hosts.toml" error=${JSON.stringify(reason)}`;
      const codes = await codesOf(hostsNode(release, toml), release);
      if (codes.length === 0) continue;
      count++;
      assert.ok(
        codes.some((code) => code === codeOf(line)),
        `${release}: ${name}: ${codeOf(line)}, not ${codes.join()}`,
      );
    }
  assert.ok(count >= 20, `only ${count}`);
});

for (const [release, config, text] of CONFIG_TEXTS)
  test(`config.toml and containerd's words have one code: ${text.slice(0, 90)}`, async () => {
    const files = { [CONFIG]: config, [`${CERTS_D}/gcr.io/hosts.toml`]: '[host."https://mirror.corp"]\n' };
    assert.deepEqual(
      (await codesOf(files, release)).filter((code) => code === codeOf(text)),
      [codeOf(text)],
      (await codesOf(files, release)).join(),
    );
  });

test("so have places in which there is something else than containerd wants", async () => {
  const at = { [`${CERTS_D}/gcr.io`]: "" };
  const refused = 'failed to pull image "gcr.io/a:1": failed to resolve reference "gcr.io/a:1": ';
  const file = { [CONFIG]: goodConfig("2.1.9", CONFIG) };
  const other = await codesOf({ [CONFIG]: goodConfig("2.1.9"), ...at }, "2.1.9");
  assert.deepEqual(other, [codeOf(`${refused}open ${CERTS_D}/gcr.io/hosts.toml: not a directory`)]);
  const none = await codesOf(file, "2.1.9");
  assert.deepEqual(none, [codeOf(`${refused}stat ${CONFIG}/gcr.io: not a directory`)]);
});

function codeOf(text: string): string {
  return explainErrorText(text, {})
    .map(({ finding }) => finding.code)
    .join(", ");
}
