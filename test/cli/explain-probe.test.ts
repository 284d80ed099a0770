import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { explain } from "../../src/cli/explain.ts";
import { parseContainerdVersion } from "../../src/core/containerd/version.ts";
import { createPullWalker } from "../../src/edge/walk-pull.ts";
import { createFiles } from "../../src/host/files.ts";
import { createHttpClient } from "../../src/registry/http-client.ts";
import { buildImage } from "../support/image.ts";
import { startServer } from "../support/lab-server.ts";
import { type ScriptedRegistry, startScriptedRegistry } from "../support/scripted-registry.ts";
import { createCa } from "../support/tls.ts";

const CONFIG = "/etc/containerd/config.toml";
const architecture = process.arch === "arm64" ? "arm64" : "amd64";

interface Site {
  readonly mirror: ScriptedRegistry;
  readonly broken: ScriptedRegistry;
  readonly upstream: ScriptedRegistry;
  readonly image: ReturnType<typeof buildImage>;
  run(options?: Run): Promise<{ readonly exit: number; readonly stdout: string; readonly stderr: string }>;
  hosts(text: string): void;
  /** The image of this site: its registry is a loopback port, so that its upstream can be had. */
  readonly reference: string;
}

interface Run {
  readonly json?: boolean;
  readonly color?: boolean;
  readonly status?: unknown;
  readonly knowsDaemon?: boolean;
}

async function startSite(t: TestContext): Promise<Site> {
  const root = mkdtempSync(join(tmpdir(), "mirrorlet-explain-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const ca = await createCa("Site CA");
  const mirror = await startScriptedRegistry({ tls: await ca.issueServer() });
  const [broken, upstream] = [await startScriptedRegistry(), await startScriptedRegistry()];
  t.after(() => Promise.all([mirror.stop(), broken.stop(), upstream.stop()]));
  const image = buildImage();
  for (const registry of [mirror, broken, upstream]) registry.put("team/app", "1", image);
  const directory = `/etc/containerd/certs.d/${upstream.host.replace(/:(\d+)$/, "_$1_")}`;
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  write(
    CONFIG,
    `version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "/etc/containerd/certs.d"\n`,
  );
  write("/pki/ca.crt", ca.cert);
  const limits = { dialMs: 2_000, handshakeMs: 2_000, responseMs: 1_500 };
  const client = createHttpClient({ environment: {}, timeouts: limits });
  return {
    mirror,
    broken,
    upstream,
    image,
    reference: `${upstream.host}/team/app:1`,
    hosts: (text) => write(`${directory}/hosts.toml`, text),
    async run({ json = false, color = false, status, knowsDaemon = true } = {}) {
      const [out, err]: [string[], string[]] = [[], []];
      const io = {
        stdout: (text: string) => void out.push(text),
        stderr: (text: string) => void err.push(text),
        color,
        json,
      };
      const exit = await explain(`${upstream.host}/team/app:1`, { probe: true }, io, {
        files: createFiles({ root }),
        containerd: { version: async () => parseContainerdVersion("2.1.9") },
        configPath: CONFIG,
        walker: createPullWalker({ client: async () => client, limits }),
        architecture,
        knowsDaemon: () => knowsDaemon,
        agentStatus: async () => status,
      });
      return { exit, stdout: out.join(""), stderr: err.join("") };
    },
  };
}

/** What differs from run to run by names that stay. */
function settle(text: string, { mirror, broken, upstream, image }: Site): string {
  const [config, layer] = image.blobs;
  let settled = text;
  for (const [from, to] of [
    [mirror.host, "mirror:5000"],
    [broken.host, "broken:5000"],
    [upstream.host, "upstream:5000"],
    [upstream.host.replace(/:(\d+)$/, "_$1_"), "upstream_5000_"],
    [encodeURIComponent(upstream.host), "upstream%3A5000"],
    [image.digest, "sha256:MANIFEST"],
    [config?.digest ?? "", "sha256:CONFIG"],
    [layer?.digest ?? "", "sha256:LAYER"],
    [`${image.digest.slice(0, 19)}…`, "sha256:MANIFEST"],
    [`${config?.digest.slice(0, 19)}…`, "sha256:CONFIG"],
  ] as const)
    settled = settled.replaceAll(from, to);
  return settled.replace(/<?\d+ ms/g, "N ms").replace(/\d+ bytes/g, "N bytes");
}

const golden = (name: string): string =>
  readFileSync(new URL(`../golden/explain/${name}.txt`, import.meta.url), "utf8");

test("a mirror that serves everything", async (t) => {
  const site = await startSite(t);
  site.hosts(
    `server = "${site.upstream.url}"\n[host."${site.mirror.url}"]\ncapabilities = ["pull", "resolve"]\nca = "/pki/ca.crt"\n`,
  );
  const status = {
    schema: "mirrorlet.status/v1",
    recentPulls: [
      {
        registry: site.upstream.host,
        repository: "team/app",
        endedMs: Date.UTC(2026, 10, 21, 22, 10),
        path: "mirror",
        source: "trace",
        hosts: [{ host: site.mirror.host, role: "mirror", served: 3, refused: 0 }],
      },
    ],
  };
  const { exit, stdout } = await site.run({ status });
  assert.equal(settle(stdout, site), golden("served"));
  assert.equal(exit, 0);
});

test("a mirror without the CA, one that redirects its blobs to a dead end, and the upstream", async (t) => {
  const site = await startSite(t);
  const gone = await startServer(() => undefined, undefined);
  await gone.close();
  site.hosts(`server = "${site.upstream.url}"\n[host."${site.mirror.url}"]\n[host."${site.broken.url}"]\n`);
  const location = `http://${gone.host}/cdn/layer?signature=secret`;
  site.broken.script({ path: /blobs/, does: { kind: "status", status: 307, headers: { location } } });
  const { exit, stdout } = await site.run({ knowsDaemon: false });
  assert.equal(settle(stdout, site).replaceAll(gone.host, "gone:80"), golden("mixed"));
  assert.equal(exit, 1);
});

test("a portal in between: the pull stops although the upstream has the image", async (t) => {
  const site = await startSite(t);
  site.hosts(`server = "${site.upstream.url}"\n[host."${site.broken.url}"]\n`);
  site.broken.script({ does: { kind: "html" } });
  const { exit, stdout } = await site.run();
  assert.equal(settle(stdout, site), golden("stopped"));
  assert.equal(exit, 1);
});

test("--json: every request with its hops, what is foreseen, who served last", async (t) => {
  const site = await startSite(t);
  site.hosts(`server = "${site.upstream.url}"\n[host."${site.broken.url}"]\n`);
  site.broken.script({ does: { kind: "status", status: 404 } });
  const status = {
    evidence: {
      recentFallbacks: [
        {
          registry: site.upstream.host,
          repository: "team/app",
          atMs: 1_000,
          wentTo: site.upstream.host,
          reason: "broken answered 404",
          source: "witness",
        },
      ],
    },
  };
  const { exit, stdout } = await site.run({ json: true, status });
  assert.equal(exit, 1);
  const { hosts, foreseen, served } = JSON.parse(stdout);
  assert.deepEqual(foreseen, {
    from: "upstream",
    message: `the pull comes from the upstream ${site.upstream.host}`,
  });
  assert.deepEqual(served, {
    at: "1970-01-01T00:00:01.000Z",
    about: "repository",
    path: "upstream",
    reason: "broken answered 404",
    host: site.upstream.host,
    evidence: "witness",
  });
  const [{ probe }, { probe: upstream }] = hosts;
  assert.deepEqual([probe.does, probe.reached, probe.code], ["next", true, "not-found"]);
  const [head] = probe.requests;
  assert.deepEqual(
    [head.stage, head.method, head.status, head.does, head.code, head.tries],
    ["resolve", "HEAD", 404, "next", "not-found", 1],
  );
  assert.deepEqual(Object.keys(head.hops[0]), ["method", "url", "address", "status", "durationsMs"]);
  assert.equal(upstream.does, "serves");
  assert.equal(upstream.requests[1].digest, site.image.digest);
});

test("what cannot be followed is 2; a slow host is waited for aloud", async (t) => {
  const site = await startSite(t);
  site.hosts(`server = "${site.upstream.url}"\n[host."${site.broken.url}"]\n`);
  const location = "http://169.254.169.254/latest/meta-data/";
  site.broken.script({ does: { kind: "status", status: 307, headers: { location } } });
  const { exit, stdout } = await site.run();
  assert.equal(exit, 2);
  assert.match(
    stdout,
    /^foreseen {4}what becomes of the pull is not known: .* link-local address; not followed$/m,
  );
  site.broken.script({ does: { kind: "hang" } });
  const slow = await site.run();
  assert.equal(
    slow.stderr,
    `waiting for HEAD ${site.broken.url}/v2/team/app/manifests/1?ns=${encodeURIComponent(site.upstream.host)}\n`,
  );
});

test("colour only where it is wanted", async (t) => {
  const site = await startSite(t);
  site.hosts(`server = "${site.upstream.url}"\n[host."${site.broken.url}"]\n`);
  site.broken.script({ does: { kind: "status", status: 403 } });
  assert.ok((await site.run({ color: true })).stdout.includes("\u001b[31mcause\u001b[0m"));
  assert.ok(!(await site.run()).stdout.includes("\u001b"));
});
