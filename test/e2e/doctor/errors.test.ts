import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before } from "node:test";
import { startBlackHole } from "../../support/black-hole.ts";
import { forEachGeneration, type Generation, type LabContainerd } from "../../support/containerd.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { startServer } from "../../support/lab-server.ts";
import type { Behaviour, Rule } from "../../support/scripted-registry.ts";
import { agentToml, type ExplainSite, startExplainSite, writeHosts } from "../evidence/explain-site.ts";
import { runMirrorlet } from "../support/mirrorlet.ts";

let site: ExplainSite;

before(async () => {
  if (labSkipReason() === undefined) site = await startExplainSite();
});
after(() => site?.stop());

type Who = "mirror" | "plain" | "nobody" | "upstream";

interface Scenario {
  /** The one host of the registry. Default: the https mirror with its CA. */
  readonly hosts?: (site: ExplainSite) => string | Promise<string>;
  readonly mirror?: readonly Rule[];
  readonly plain?: readonly Rule[];
  readonly upstream?: readonly Rule[];
  readonly on?: readonly Generation[];
  readonly code: string | Readonly<Record<Generation, string>>;
  readonly stage: string | Readonly<Record<Generation, string>>;
  /** Whose fault it is; default: the mirror's. undefined: not told, and not to be known. */
  readonly who?: Who | Readonly<Record<Generation, Who | undefined>>;
  readonly note?: Readonly<Record<Generation, RegExp>>;
}

const status = (code: number, headers: Readonly<Record<string, string>> = {}): Behaviour => ({
  kind: "status",
  status: code,
  headers,
});
const always = (does: Behaviour): readonly Rule[] => [{ does }];
const alone = (url: string, more = ""): string => `server = "${url}"\n${more}\n[host]\n`;
const ca = 'ca = "mirror-ca.crt"';
const gone = async (): Promise<string> => {
  const server = await startServer(() => undefined, undefined);
  await server.close();
  return server.host;
};
const bearer = (realm: string): Behaviour =>
  status(401, { "www-authenticate": `Bearer realm="${realm}/token",service="m"` });
const blobs = (does: Behaviour): readonly Rule[] => [{ path: /blobs/, does }];

const scenarios: Readonly<Record<string, Scenario>> = {
  "the name does not resolve": {
    hosts: () => alone("https://mirror.invalid:5000"),
    code: "host-name-unresolved",
    stage: "resolve",
    who: "nobody",
  },
  "connection refused": {
    hosts: async () => alone(`https://${await gone()}`),
    code: "host-unreachable",
    stage: "resolve",
    who: "nobody",
  },
  "black hole": {
    on: ["2.1"],
    hosts: async () => alone(`https://${(await hole()).host}`, 'dial_timeout = "1s"'),
    code: "host-silent",
    stage: "resolve",
    who: "nobody",
  },
  "unknown authority": {
    hosts: ({ mirror }) => alone(mirror.url),
    code: "server-certificate-untrusted",
    stage: "resolve",
  },
  "plain http where https is expected": {
    hosts: ({ plain }) => alone(`https://${plain.host}`),
    code: "host-speaks-http",
    stage: "resolve",
    who: "plain",
  },
  "https where plain http is expected": {
    hosts: ({ mirror }) => alone(`http://${mirror.host}`),
    code: "host-closes-connection",
    stage: "resolve",
  },
  "the proxy refuses": {
    hosts: () => alone("https://mirror.example"),
    code: "proxy-blocks-host",
    stage: "resolve",
    who: "nobody",
  },
  "401 Basic": {
    mirror: always(status(401, { "www-authenticate": 'Basic realm="m"' })),
    code: "host-wants-login",
    stage: "resolve",
  },
  "a token service that is gone": {
    hosts: async (site) => {
      site.mirror.script({ does: bearer(`http://${await gone()}`) });
      return alone(site.mirror.url, ca);
    },
    code: "token-service-fails",
    stage: "token",
  },
  "a token service that forbids": {
    hosts: (site) => {
      site.mirror.script({ does: bearer(site.plain.url) });
      return alone(site.mirror.url, ca);
    },
    plain: always(status(403)),
    code: "token-service-fails",
    stage: "token",
  },
  "a token service that is a web page": {
    hosts: (site) => {
      site.mirror.script({ does: bearer(site.plain.url) });
      return alone(site.mirror.url, ca);
    },
    plain: always({ kind: "html" }),
    code: "token-service-fails",
    stage: "token",
  },
  "403": { mirror: always(status(403)), code: "host-forbids", stage: "resolve" },
  "404": { mirror: always(status(404)), code: "image-not-on-host", stage: "resolve" },
  "429": { mirror: always(status(429)), code: "host-limits-rate", stage: "resolve" },
  "500": { mirror: always(status(500)), code: "host-server-error", stage: "resolve" },
  "302 without a place to go": {
    mirror: always(status(302)),
    code: "redirect-leads-nowhere",
    stage: "resolve",
  },
  "a circle of redirects": {
    mirror: always(status(302, { location: "/v2/again" })),
    code: "redirect-leads-nowhere",
    stage: "resolve",
  },
  "blobs are elsewhere, where nobody is": {
    hosts: async (site) => {
      const to = `http://${await gone()}/cdn`;
      site.mirror.script({ path: /blobs/, does: status(307, { location: to }) });
      return alone(site.mirror.url, ca);
    },
    code: "redirect-leads-nowhere",
    stage: "blob",
  },
  "a web page": {
    mirror: always({ kind: "html" }),
    code: "web-page-for-image",
    stage: "unknown",
    // Its text does not say of which image.
    who: { "1.6": "mirror", "1.7": "mirror", "2.1": undefined },
  },
  "a digest header that is none": {
    mirror: [
      { method: "HEAD", does: { kind: "headers", headers: { "docker-content-digest": "sha256:abc" } } },
    ],
    code: "wrong-digest",
    stage: "resolve",
  },
  "a digest of something else": {
    mirror: [
      {
        method: "HEAD",
        does: { kind: "headers", headers: { "docker-content-digest": `sha256:${"0".repeat(64)}` } },
      },
    ],
    code: "wrong-digest",
    stage: "manifest",
  },
  "the wrong type": {
    mirror: [
      { path: /manifests/, does: { kind: "headers", headers: { "content-type": "application/json" } } },
    ],
    code: "wrong-content-type",
    stage: "blob",
  },
  "blobs are missing": { mirror: blobs(status(404)), code: "image-not-on-host", stage: "blob" },
  "blobs are forbidden": { mirror: blobs(status(403)), code: "host-forbids", stage: "blob" },
  "blobs are short": {
    mirror: blobs({ kind: "body", change: (bytes) => bytes.subarray(0, 10) }),
    code: "content-cut-short",
    stage: "blob",
  },
  "blobs hold other bytes": {
    mirror: blobs({ kind: "body", change: (bytes) => bytes.map((byte) => byte ^ 1) }),
    code: "wrong-digest",
    stage: "blob",
  },
  "no CA file": {
    hosts: ({ mirror }) => alone(mirror.url, 'ca = "nope.crt"'),
    code: "ca-file-unusable",
    stage: "",
  },
  "nobody may be asked": {
    hosts: (site) => alone(site.mirror.url, `capabilities = ["push"]\n${ca}`),
    code: "no-resolving-host",
    stage: "",
  },
  "mirror 500, upstream 404: the mirror is shown": {
    hosts: (site) => `[host."${site.mirror.url}"]\n${ca}\n`,
    mirror: always(status(500)),
    upstream: always(status(404)),
    code: "host-server-error",
    stage: "resolve",
    note: { "1.6": /gcr\.io failed too/, "1.7": /gcr\.io failed too/, "2.1": /what gcr\.io did/ },
  },
  "mirror gone, upstream 404: 2.x hides the mirror": {
    hosts: async () => `[host."https://${await gone()}"]\n`,
    upstream: always(status(404)),
    code: { "1.6": "host-unreachable", "1.7": "host-unreachable", "2.1": "image-not-on-host" },
    stage: "resolve",
    who: { "1.6": "nobody", "1.7": "nobody", "2.1": undefined },
    note: {
      "1.6": /gcr\.io failed too, perhaps with the 404/,
      "1.7": /gcr\.io failed too, perhaps with the 404/,
      "2.1": /127\.0\.0\.1:\d+, gcr\.io may not have been reached/,
    },
  },
  "mirror 404, upstream refuses: the upstream is shown by 1.x": {
    hosts: (site) => `[host."${site.mirror.url}"]\n${ca}\n`,
    mirror: always(status(404)),
    upstream: always({ kind: "reset" }),
    code: { "1.6": "host-closes-connection", "1.7": "host-closes-connection", "2.1": "image-not-on-host" },
    stage: "resolve",
    who: { "1.6": "upstream", "1.7": "upstream", "2.1": undefined },
    note: {
      "1.6": /127\.0\.0\.1:\d+ answered 404/,
      "1.7": /127\.0\.0\.1:\d+ answered 404/,
      "2.1": /may not have been reached/,
    },
  },
};

const undo: (() => Promise<void>)[] = [];
async function hole(): Promise<{ readonly host: string }> {
  const started = await startBlackHole();
  undo.push(() => started.stop());
  return started;
}

forEachGeneration("an error of a real pull is understood", async (generation, context) => {
  const daemon = await site.daemons.get(generation);
  for (const [name, scenario] of Object.entries(scenarios)) {
    if (scenario.on?.includes(generation) === false) continue;
    await context.test(name, async () => {
      for (const registry of ["mirror", "plain", "upstream"] as const)
        site[registry].script(...(scenario[registry] ?? []));
      const toml = (await scenario.hosts?.(site)) ?? alone(site.mirror.url, ca);
      await writeHosts(daemon, toml);
      await writeFile(join(daemon.certsD, "gcr.io/mirror-ca.crt"), site.mirrorCa.cert);
      try {
        const { reference } = site.offer();
        const pulled = await daemon.pull(reference);
        assert.ok(!pulled.ok);
        await expectMeaning(daemon, pulled.message, { scenario, reference, generation });
      } finally {
        for (const registry of [site.mirror, site.plain, site.upstream]) registry.script();
        while (undo.length > 0) await undo.pop()?.();
      }
    });
  }
});

interface Told {
  readonly errors: readonly {
    readonly image?: string;
    readonly hop?: { readonly stage: string; readonly host: string | null };
    readonly finding: { readonly code: string };
    readonly notes: readonly string[];
  }[];
}

async function expectMeaning(
  daemon: LabContainerd,
  message: string,
  {
    scenario,
    reference,
    generation,
  }: { readonly scenario: Scenario; readonly reference: string; readonly generation: Generation },
): Promise<void> {
  const path = await agentToml(daemon);
  const { stdout, code } = await runMirrorlet(["doctor", "--config", path, "--error", message, "--json"]);
  const [error, ...more] = (JSON.parse(stdout) as Told).errors;
  const all = `${message}\n${stdout}`;
  assert.ok(error !== undefined, all);
  assert.deepEqual(more, [], all);
  assert.equal(code, 1);
  assert.equal(error.finding.code, pick(scenario.code, generation), all);
  assert.equal(error.hop?.stage ?? "", pick(scenario.stage, generation), all);
  // The web page is told without the name of the image by some.
  if (error.image !== undefined) assert.equal(error.image, reference);
  if (error.hop !== undefined) expectHost(error.hop.host, pickWho(scenario.who, generation), all);
  const note = scenario.note?.[generation];
  if (note !== undefined) assert.match(error.notes.join("\n"), note, all);
}

function expectHost(host: string | null, who: Who | undefined, all: string): void {
  if (who === "mirror" || who === "plain") assert.equal(host, site[who].host, all);
  else if (who === "upstream") assert.equal(host, "gcr.io", all);
  else if (who === undefined) assert.equal(host, null, all);
  else assert.match(host ?? "", /^(mirror\.|127\.0\.0\.1:)/, all);
}

function pick(wanted: string | Readonly<Record<Generation, string>>, generation: Generation): string {
  return typeof wanted === "string" ? wanted : wanted[generation];
}

function pickWho(wanted: Scenario["who"], generation: Generation): Who | undefined {
  return typeof wanted === "object" ? wanted[generation] : (wanted ?? "mirror");
}
