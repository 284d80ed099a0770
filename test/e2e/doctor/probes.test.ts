import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { LabContainerd } from "../../support/containerd.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { startServer } from "../../support/lab-server.ts";
import type { Behaviour, Rule } from "../../support/scripted-registry.ts";
import { agentToml, type ExplainSite, startExplainSite, writeHosts } from "../evidence/explain-site.ts";
import { runMirrorlet } from "../support/mirrorlet.ts";

/** Rules of answers are the same for all releases; those that differ have their tests beside explain. */
const GENERATION = "1.7";
let site: ExplainSite;
let daemon: LabContainerd;
let repository: string;

before(async () => {
  if (labSkipReason() !== undefined) return;
  site = await startExplainSite();
  daemon = await site.daemons.get(GENERATION);
  await writeHosts(daemon, healthy());
  const offered = site.offer();
  repository = offered.repository;
  // The node has an image of the registry, so that there is one to ask for.
  assert.equal((await daemon.pull(offered.reference)).ok, true);
});
after(() => site?.stop());

const healthy = (): string => `[host."${site.plain.url}"]\n`;
const status = (code: number, headers: Readonly<Record<string, string>> = {}): Behaviour => ({
  kind: "status",
  status: code,
  headers,
});
const always = (does: Behaviour): readonly Rule[] => [{ does }];
const gone = async (): Promise<string> => {
  const server = await startServer(() => undefined, undefined);
  await server.close();
  return server.host;
};

interface Scenario {
  readonly hosts?: () => string | Promise<string>;
  readonly rules?: readonly Rule[] | (() => Promise<readonly Rule[]>);
  readonly code: string;
  readonly severity?: string;
  readonly fact: RegExp;
  readonly fix?: RegExp;
  readonly consequence?: RegExp;
}

const TO_UPSTREAM =
  /^pulls of gcr\.io: containerd asks the next host, gcr\.io: the pull comes from the upstream/;

const scenarios: Readonly<Record<string, Scenario>> = {
  "no such host": {
    hosts: () => '[host."https://mirror.invalid:5000"]\n',
    code: "host-name-unresolved",
    fact: /mirror\.invalid cannot be resolved/,
    consequence: TO_UPSTREAM,
  },
  refused: {
    hosts: async () => `[host."https://${await gone()}"]\n`,
    code: "host-unreachable",
    fact: /connection refused/,
    consequence: TO_UPSTREAM,
  },
  "never answers": {
    rules: always({ kind: "hang" }),
    code: "host-silent",
    fact: /does not answer in time/,
    consequence: /cancels the whole pull/,
  },
  "unknown authority": {
    hosts: () => `[host."${site.mirror.url}"]\n`,
    code: "server-certificate-untrusted",
    fact: /unknown authority/,
    consequence: TO_UPSTREAM,
  },
  "plain http where https is expected": {
    hosts: () => `[host."https://${site.plain.host}"]\n`,
    code: "host-speaks-http",
    fact: /speaks http, not https/,
  },
  "https where plain http is expected": {
    hosts: () => `[host."http://${site.mirror.host}"]\n`,
    code: "host-speaks-https",
    fact: /speaks https on this port/,
    fix: /\[host\."https:\/\/127\.0\.0\.1:\d+"\]/,
  },
  "401 Basic": {
    rules: always(status(401, { "www-authenticate": 'Basic realm="m"' })),
    code: "host-wants-login",
    severity: "warning",
    fact: /wants a user name and a password/,
  },
  "a token service that is gone": {
    rules: async () =>
      always(status(401, { "www-authenticate": `Bearer realm="http://${await gone()}/token",service="m"` })),
    code: "token-service-fails",
    fact: /gives no answer: no connection to/,
  },
  "a token service that is a web page": {
    rules: async () => [
      { path: /token/, does: { kind: "html" } },
      { does: status(401, { "www-authenticate": `Bearer realm="${site.plain.url}/token",service="m"` }) },
    ],
    code: "token-service-fails",
    fact: /answers without a token/,
  },
  "403": { rules: always(status(403)), code: "host-forbids", fact: /forbids it \(403\).*asked for gcr\.io/ },
  "404": {
    rules: always(status(404)),
    code: "image-not-on-host",
    severity: "warning",
    fact: /does not have this image/,
    consequence: TO_UPSTREAM,
  },
  "429": { rules: always(status(429)), code: "host-limits-rate", fact: /429/ },
  "503": { rules: always(status(503)), code: "host-server-error", fact: /503/ },
  "a web page": {
    rules: always({ kind: "html" }),
    code: "web-page-for-image",
    fact: /web page/,
    consequence: /the pull fails here/,
  },
  "a digest of something else": {
    rules: [
      {
        method: "HEAD",
        does: { kind: "headers", headers: { "docker-content-digest": `sha256:${"0".repeat(64)}` } },
      },
    ],
    code: "wrong-digest",
    fact: /no manifest of that digest/,
  },
  "the wrong type": {
    rules: [
      { path: /manifests/, does: { kind: "headers", headers: { "content-type": "application/json" } } },
    ],
    code: "wrong-content-type",
    fact: /application\/json/,
  },
  "blobs are elsewhere, where nobody is": {
    rules: async () => [{ path: /blobs/, does: status(307, { location: `http://${await gone()}/cdn` }) }],
    code: "redirect-leads-nowhere",
    fact: /redirects to 127\.0\.0\.1:\d+: no connection/,
  },
  "ns is refused": {
    // Only the form without ns= is served.
    rules: [{ parameter: "ns", does: status(400) }],
    code: "ns-refused",
    fact: /answers the same request without \?ns=/,
  },
  "override_path is missing": {
    hosts: () => `[host."${site.plain.url}/v2/cache"]\n`,
    rules: [{ path: /^\/v2\/.*\/v2\//, does: status(404) }],
    // The file explains it.
    code: "api-path-twice",
    fact: /; when asked: .* has the image under .*\/v2\/cache\/…, and is asked under .*\/v2\/cache\/v2\/…/,
    fix: /\/v2\/cache"\] and override_path = true/,
  },
  "override_path is too much": {
    hosts: () => `[host."${site.plain.url}/cache"]\noverride_path = true\n`,
    rules: [{ path: /^\/cache/, does: status(404) }],
    code: "api-path-missing",
    fact: /; when asked: .* has the image under .*\/v2\/cache\/…/,
  },
  "another path, and nothing in the file looks wrong": {
    hosts: () => `[host."${site.plain.url}/cache"]\n`,
    rules: [{ path: /^\/cache/, does: status(404) }],
    code: "other-path-answers",
    fact: /has the image under .*\/v2\/cache\/…, and is asked under .*\/cache\/v2\/…/,
    fix: /\[host\."http:\/\/127\.0\.0\.1:\d+\/v2\/cache"\] with override_path = true/,
  },
  "the clock is wrong": {
    rules: [{ does: { kind: "headers", headers: { date: new Date(Date.now() - 3_600_000).toUTCString() } } }],
    code: "clock-skew",
    severity: "warning",
    // The answer's date is that of this file's loading, some time before it is asked.
    fact: /its clock is 6\d minutes behind this node's/,
  },
  "a certificate that ends soon": {
    hosts: async () => {
      const ends = new Date(Date.now() + 30 * 3_600_000);
      site.mirror.setTls(await site.mirrorCa.issueServer({ ends }));
      return `[host."${site.mirror.url}"]\nca = "mirror-ca.crt"\n`;
    },
    code: "server-certificate-expires-soon",
    severity: "warning",
    fact: /expires on \d{4}-\d\d-\d\d, in 1 day/,
  },
};

interface Told {
  readonly findings: readonly {
    readonly code: string;
    readonly severity: string;
    readonly fact: string;
    readonly consequence: string;
    readonly fix: string;
    readonly where: { readonly url?: string; readonly hop?: string };
  }[];
  readonly notChecked: readonly { readonly what: string; readonly why: string }[];
}

async function runDoctor(): Promise<Told & { readonly stdout: string }> {
  const { stdout } = await runMirrorlet(["doctor", "--config", await agentToml(daemon), "--json"]);
  return { ...(JSON.parse(stdout) as Told), stdout };
}

/** What hosts answer; the other findings are not of this test. */
const ofHosts = ({ findings }: Told) =>
  findings.filter(({ where, fact }) => where.url !== undefined || fact.includes("; when asked: "));

const skip = labSkipReason() ?? false;

test("a mirror that serves: nothing is found", { skip }, async () => {
  await writeHosts(daemon, healthy());
  const told = await runDoctor();
  assert.deepEqual(ofHosts(told), [], told.stdout);
  // It was not taken on trust.
  assert.ok(
    site.plain
      .requests()
      .some(({ path, userAgent }) => path.includes(repository) && !userAgent.startsWith("containerd/")),
  );
  assert.ok(told.notChecked.some(({ what }) => what === "where pulls have gone"));
});

for (const [name, scenario] of Object.entries(scenarios))
  test(`doctor asks hosts: ${name}`, { skip }, async () => {
    const rules = typeof scenario.rules === "function" ? await scenario.rules() : (scenario.rules ?? []);
    site.plain.script(...rules);
    await writeHosts(daemon, (await scenario.hosts?.()) ?? healthy());
    await writeFile(join(daemon.certsD, "gcr.io/mirror-ca.crt"), site.mirrorCa.cert);
    try {
      const told = await runDoctor();
      const found = ofHosts(told);
      assert.deepEqual(
        found.map(({ code }) => code),
        [scenario.code],
        told.stdout,
      );
      const [finding] = found;
      assert.equal(finding?.severity, scenario.severity ?? "error", told.stdout);
      assert.match(finding?.fact ?? "", scenario.fact);
      if (scenario.fix !== undefined) assert.match(finding?.fix ?? "", scenario.fix);
      if (scenario.consequence !== undefined) assert.match(finding?.consequence ?? "", scenario.consequence);
    } finally {
      site.plain.script();
      site.mirror.setTls(await site.mirrorCa.issueServer());
    }
  });

test("no image is known: the API is asked", { skip }, async () => {
  await writeHosts(daemon, healthy());
  const dead = await gone();
  const directory = join(daemon.certsD, "quay.io");
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "hosts.toml"), `[host."http://${dead}"]\n`);
  try {
    const told = await runDoctor();
    const [finding, ...more] = ofHosts(told);
    assert.deepEqual(more, [], told.stdout);
    assert.equal(finding?.code, "host-unreachable", told.stdout);
    assert.equal(finding.severity, "error");
    assert.match(finding.consequence, /pulls of quay\.io: containerd asks the next host, quay\.io/);
  } finally {
    await rm(directory, { recursive: true });
  }
});
