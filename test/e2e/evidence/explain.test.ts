import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before } from "node:test";
import { startBlackHole } from "../../support/black-hole.ts";
import { forEachGeneration, type Generation } from "../../support/containerd.ts";
import { thisPlatform } from "../../support/image.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { startServer } from "../../support/lab-server.ts";
import type { Behaviour } from "../../support/scripted-registry.ts";
import { createSelfSigned } from "../../support/tls.ts";
import {
  byContainerd,
  clearRequests,
  comparable,
  contentFrom,
  type ExplainedHost,
  type ExplainSite,
  only,
  runExplain,
  startExplainSite,
  writeHosts,
} from "./explain-site.ts";

let site: ExplainSite;

before(async () => {
  if (labSkipReason() === undefined) site = await startExplainSite();
});
after(() => site?.stop());

interface Scenario {
  /** Lines of `[host."…"]` for the mirror. Default: the https mirror with its CA. */
  readonly host?: (site: ExplainSite) => string;
  readonly rules?: readonly { readonly method?: string; readonly path?: RegExp; readonly does: Behaviour }[];
  /** Prepares what else is broken; returns what `host` is to say. */
  readonly prepare?: (
    site: ExplainSite,
    dir: string,
  ) => Promise<{ host: string; undo?: () => Promise<void> }>;
  readonly on?: readonly Generation[];
  /** What explain has to say of the mirror. */
  readonly code: string;
  readonly cause: RegExp;
  readonly fix: RegExp;
  /** Where the content comes from, foreseen and seen. */
  readonly from: "mirror" | "mixed" | "upstream" | "nowhere";
  /** Requests differ from containerd's, on purpose: hosts that cannot be reached are not asked twice. */
  readonly differs?: true;
}

const status = (code: number, headers: Readonly<Record<string, string>> = {}): Behaviour => ({
  kind: "status",
  status: code,
  headers,
});
const always = (does: Behaviour) => [{ does }];
const gone = async (): Promise<string> => {
  const server = await startServer(() => undefined, undefined);
  await server.close();
  return server.host;
};

const scenarios: Readonly<Record<string, Scenario>> = {
  "the name does not resolve": {
    host: () => '[host."https://mirror.invalid:5000"]',
    code: "no-such-host",
    cause: /^the name mirror\.invalid cannot be resolved on this node/,
    fix: /resolv\.conf/,
    from: "upstream",
  },
  "connection refused": {
    prepare: async () => ({ host: `[host."https://${await gone()}"]` }),
    code: "refused",
    cause: /^no connection to 127\.0\.0\.1:\d+: connection refused/,
    fix: /start what should listen/,
    from: "upstream",
  },
  "black hole": {
    // Only this release has dial_timeout; the others would wait 30 s for every object.
    on: ["2.1"],
    prepare: async () => {
      const hole = await startBlackHole();
      return { host: `[host."https://${hole.host}"]\ndial_timeout = "1s"`, undo: () => hole.stop() };
    },
    code: "connect-timeout",
    cause: /no answer in time; a firewall drops the packets, or the host is down/,
    fix: /dial_timeout = "1s"/,
    from: "upstream",
  },
  "wrong CA": {
    host: ({ mirror }) => `[host."${mirror.url}"]`,
    code: "unknown-authority",
    cause: /certificate is signed by an unknown authority \(mirror CA\)/,
    fix: /caCertPath or caCert .*, ca = in hosts\.toml/,
    from: "upstream",
  },
  "Common Name only": {
    prepare: async ({ mirror, mirrorCa }, dir) => {
      const pair = await createSelfSigned("127.0.0.1");
      await writeFile(join(dir, "cn.crt"), pair.cert);
      mirror.setTls(pair);
      const undo = async () => mirror.setTls(await mirrorCa.issueServer());
      return { host: `[host."${mirror.url}"]\nca = "${join(dir, "cn.crt")}"`, undo };
    },
    code: "common-name-only",
    cause: /names 127\.0\.0\.1 in the Common Name only, which containerd ignores/,
    fix: /subject alternative name/,
    from: "upstream",
  },
  expired: {
    prepare: async ({ mirror, mirrorCa, files }) => {
      mirror.setTls(await mirrorCa.issueServer({ expired: true }));
      const undo = async () => mirror.setTls(await mirrorCa.issueServer());
      return { host: `[host."${mirror.url}"]\nca = "${files.mirrorCa}"`, undo };
    },
    code: "expired",
    cause: /has expired \(on 2020-02-01\)/,
    fix: /renew it/,
    from: "upstream",
  },
  "plain http where https is expected": {
    host: ({ plain }) => `[host."https://${plain.host}"]`,
    code: "speaks-http",
    cause: /it speaks http, not https, on this port/,
    fix: /write http:\/\/ for it/,
    from: "upstream",
  },
  "https where plain http is expected": {
    host: ({ mirror }) => `[host."http://${mirror.host}"]`,
    code: "closed",
    cause: /ends the connection without an answer/,
    fix: /see the server's own log/,
    from: "upstream",
    differs: true,
  },
  "401 Basic": {
    rules: always(status(401, { "www-authenticate": 'Basic realm="mirror"' })),
    code: "no-credentials",
    cause: /wants a user name and a password, and none is configured/,
    fix: /pullCredentialConfigPath/,
    from: "upstream",
  },
  "401 Bearer with a dead realm": {
    prepare: async ({ mirror, files }) => {
      const realm = `http://${await gone()}/token`;
      mirror.script({ does: status(401, { "www-authenticate": `Bearer realm="${realm}",service="m"` }) });
      return { host: `[host."${mirror.url}"]\nca = "${files.mirrorCa}"` };
    },
    code: "token-unreachable",
    cause:
      /the token service of 127\.0\.0\.1:\d+ gives no answer: no connection to 127\.0\.0\.1:\d+: connection refused/,
    fix: /open the way from this node to the token service/,
    from: "upstream",
    differs: true,
  },
  "401 without a challenge": {
    rules: always(status(401)),
    code: "unauthorized",
    cause: /401 and names no way to log in/,
    fix: /WWW-Authenticate/,
    from: "upstream",
  },
  "403": {
    rules: always(status(403)),
    code: "forbidden",
    cause: /forbids it \(403\)/,
    fix: /right to read/,
    from: "upstream",
  },
  "404": {
    rules: always(status(404)),
    code: "not-found",
    cause: /does not have this image \(404\)/,
    fix: /copy the image to the mirror/,
    from: "upstream",
  },
  "429": {
    rules: always(status(429, { "retry-after": "60" })),
    code: "rate-limited",
    cause: /429: too many requests/,
    fix: /raise its limit/,
    from: "upstream",
  },
  "500": {
    rules: always(status(500)),
    code: "server-error",
    cause: /answers 500/,
    fix: /log/,
    from: "upstream",
  },
  "HTML 200": {
    rules: always({ kind: "html" }),
    code: "web-page",
    cause: /answers with a web page/,
    fix: /correct the address/,
    from: "nowhere",
    differs: true,
  },
  "wrong digest header": {
    rules: [
      {
        method: "HEAD",
        does: { kind: "headers", headers: { "docker-content-digest": `sha256:${"0".repeat(64)}` } },
      },
    ],
    code: "digest-unknown",
    cause: /names a digest for the tag and has no manifest of that digest/,
    fix: /let it send the digest of what it serves/,
    from: "nowhere",
  },
  "malformed digest header": {
    rules: [
      { method: "HEAD", does: { kind: "headers", headers: { "docker-content-digest": "sha256:abc" } } },
    ],
    code: "bad-digest-header",
    cause: /Docker-Content-Digest is no digest: "sha256:abc"/,
    fix: /64 hexadecimal digits/,
    from: "nowhere",
  },
  "missing override_path": {
    host: ({ mirror, files }) => `[host."${mirror.url}/v2/proxy"]\nca = "${files.mirrorCa}"`,
    rules: [{ path: /^\/v2\/.*\/v2\//, does: status(404) }],
    code: "not-found",
    cause: /\/v2 stands twice in the path: override_path is missing/,
    fix: /add override_path = true to \[host\."https:\/\/127\.0\.0\.1:\d+\/v2\/proxy"\]/,
    from: "upstream",
  },
  "304": {
    rules: always(status(304)),
    code: "redirect-to-nowhere",
    cause: /304 Not Modified/,
    fix: /proxy/,
    from: "nowhere",
  },
  "wrong Content-Type": {
    rules: [
      { path: /manifests/, does: { kind: "headers", headers: { "content-type": "application/json" } } },
    ],
    code: "wrong-type",
    cause: /Content-Type "application\/json"/,
    fix: /Content-Type/,
    from: "nowhere",
    differs: true,
  },
  "blobs are missing": {
    rules: [{ path: /blobs/, does: status(404) }],
    code: "not-found",
    cause: /does not have a blob of this image \(404\)/,
    fix: /copy the image/,
    from: "mixed",
  },
  "blobs are cut short": {
    rules: [{ path: /blobs/, does: { kind: "body", change: (bytes) => bytes.subarray(0, 10) } }],
    code: "short-body",
    cause: /sends fewer bytes than the image has/,
    fix: /purge the image/,
    from: "nowhere",
    // containerd asks again for what is missing.
    differs: true,
  },
  "blobs hold other bytes": {
    rules: [{ path: /blobs/, does: { kind: "body", change: (bytes) => bytes.map((byte) => byte ^ 1) } }],
    code: "wrong-bytes",
    cause: /other bytes than their digest says/,
    fix: /purge the image/,
    from: "nowhere",
  },
  "the connection is reset": {
    rules: always({ kind: "reset" }),
    code: "closed",
    cause: /ends the connection without an answer/,
    fix: /log/,
    from: "upstream",
    differs: true,
  },
};

/** Nothing is wrong, or not enough to matter. */
const healthy: Readonly<Record<string, Pick<Scenario, "rules" | "host">>> = {
  "all is well": {},
  "405 to HEAD": { rules: [{ method: "HEAD", does: status(405) }] },
  "no digest in the answer to HEAD": {
    rules: [{ method: "HEAD", does: { kind: "headers", headers: { "docker-content-digest": undefined } } }],
  },
  "http with TLS keys": {
    host: ({ plain }) => `[host."http://${plain.host}"]\nskip_verify = true`,
  },
  "a path of its own": {
    host: ({ mirror, files }) =>
      `[host."${mirror.url}/v2/proxy"]\noverride_path = true\nca = "${files.mirrorCa}"\n[host."${mirror.url}/v2/proxy".header]\nx-key = ["one", "two"]`,
  },
};

const mirrorHost = ({ mirror, files }: ExplainSite): string =>
  `[host."${mirror.url}"]\nca = "${files.mirrorCa}"`;

forEachGeneration(
  "explain foresees what containerd does with a broken mirror",
  async (generation, context) => {
    const daemon = await site.daemons.get(generation);
    for (const [name, scenario] of Object.entries(scenarios)) {
      if (scenario.on?.includes(generation) === false) continue;
      await context.test(name, async () => {
        site.mirror.script(...(scenario.rules ?? []));
        const prepared = await scenario.prepare?.(site, daemon.dir);
        await writeHosts(daemon, `${prepared?.host ?? (scenario.host ?? mirrorHost)(site)}\n`);
        try {
          const offered = site.offer();
          clearRequests(site);
          const explained = await runExplain(daemon, offered.reference);
          const walked = [site.mirror, site.plain, site.upstream].map((each) =>
            comparable(each.requests(), offered.image),
          );
          clearRequests(site);
          const pulled = await daemon.pull(offered.reference);
          expectWords(only(explained.hosts), scenario, explained.text);
          assert.equal(explained.foreseen.from, scenario.from, explained.foreseen.message);
          assert.equal(explained.code, 1);
          assert.equal(pulled.ok, scenario.from !== "nowhere", JSON.stringify(pulled));
          if (pulled.ok) assert.equal(contentFrom(site, offered), scenario.from);
          if (scenario.differs === true) return;
          const asked = [site.mirror, site.plain, site.upstream].map((each) =>
            comparable(byContainerd(each.requests()), offered.image),
          );
          // Behind a pull that stops the upstream is asked what it has.
          assert.deepEqual(walked.slice(0, pulled.ok ? 3 : 2), asked.slice(0, pulled.ok ? 3 : 2));
        } finally {
          await prepared?.undo?.();
          site.mirror.script();
        }
      });
    }
  },
);

function expectWords({ probe }: ExplainedHost, { code, cause, fix }: Scenario, text: string): void {
  assert.equal(probe.code, code, text);
  assert.match(probe.cause ?? "", cause);
  assert.match(probe.fix ?? "", fix);
  assert.ok((probe.consequence ?? "") !== "");
}

/** How the image looks and how it is named. */
const shapes: Readonly<Record<string, { readonly platforms: readonly string[]; readonly byDigest?: true }>> =
  {
    "one platform": { platforms: [thisPlatform] },
    "an index": { platforms: ["linux/s390x", thisPlatform] },
    "by digest": { platforms: [thisPlatform], byDigest: true },
  };

forEachGeneration("explain asks a good mirror what a pull asks it", async (generation, context) => {
  const daemon = await site.daemons.get(generation);
  for (const [name, { rules = [], host = mirrorHost }] of Object.entries(healthy))
    for (const [shape, { platforms, byDigest }] of Object.entries(shapes))
      await context.test(`${name}, ${shape}`, async () => {
        site.mirror.script(...rules);
        await writeHosts(daemon, `${host(site)}\n`);
        const { image, repository, reference: byTag } = site.offer({ platforms });
        const reference = byDigest === true ? `gcr.io/${repository}@${image.digest}` : byTag;
        clearRequests(site);
        const explained = await runExplain(daemon, reference);
        const [walked, plainly] = [site.mirror, site.plain].map((each) => comparable(each.requests(), image));
        clearRequests(site);
        assert.equal((await daemon.pull(reference)).ok, true);
        assert.deepEqual([explained.code, explained.foreseen.from], [0, "mirror"], explained.text);
        assert.deepEqual(site.upstream.requests(), []);
        assert.deepEqual(walked, comparable(byContainerd(site.mirror.requests()), image));
        assert.deepEqual(plainly, comparable(byContainerd(site.plain.requests()), image));
        site.mirror.script();
      });
});
