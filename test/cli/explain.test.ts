import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { explain } from "../../src/cli/explain.ts";
import { parseContainerdVersion } from "../../src/core/containerd/version.ts";
import { createFiles } from "../../src/host/files.ts";
import { CERTIFICATE } from "../core/containerd/support/pem.ts";

const CONFIG = "/etc/containerd/config.toml";
const HOSTS = "/etc/containerd/certs.d/gcr.io/hosts.toml";
const V2_CONFIG = `version = 2
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "/etc/containerd/certs.d"
`;
const MIRRORED = `server = "https://gcr.io"

[host."https://10.0.0.5:5000/v2/ns"]
  capabilities = ["pull"]
  override_path = true
`;

interface Run {
  readonly image?: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly links?: Readonly<Record<string, string>>;
  readonly installed?: string;
  readonly containerdVersion?: string;
  readonly json?: boolean;
  readonly color?: boolean;
}

async function run(t: TestContext, options: Run) {
  const root = mkdtempSync(join(tmpdir(), "mirrorlet-explain-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const at = (path: string): string => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    return join(root, path);
  };
  for (const [path, text] of Object.entries(options.files ?? {})) writeFileSync(at(path), text);
  for (const [path, target] of Object.entries(options.links ?? {})) symlinkSync(target, at(path));
  let stdout = "";
  let stderr = "";
  const io = {
    stdout: (text: string) => {
      stdout += text;
    },
    stderr: (text: string) => {
      stderr += text;
    },
    color: options.color ?? false,
    json: options.json ?? false,
  };
  const installed = options.installed === undefined ? undefined : parseContainerdVersion(options.installed);
  const exit = await explain(
    options.image ?? "gcr.io/google-containers/pause:3.9",
    { containerdVersion: options.containerdVersion, probe: false },
    io,
    {
      files: createFiles({ root }),
      containerd: { version: async () => installed },
      configPath: CONFIG,
      architecture: "amd64",
      walker: { walk: () => assert.fail("nobody is to be asked") },
      knowsDaemon: () => assert.fail("no process is to be looked at"),
      agentStatus: () => assert.fail("the agent is not to be asked"),
    },
  );
  return { exit, stdout, stderr };
}

describe("explain without asking anybody", () => {
  test("hop by hop", async (t) => {
    const { exit, stdout } = await run(t, {
      files: { [CONFIG]: V2_CONFIG, [HOSTS]: MIRRORED },
      installed: "1.7.24",
    });
    assert.equal(exit, 0);
    assert.equal(
      stdout,
      `reference   gcr.io/google-containers/pause:3.9
namespace   gcr.io
containerd  1.7.24, /etc/containerd/config.toml: config_path /etc/containerd/certs.d
directory   /etc/containerd/certs.d/gcr.io
hosts       /etc/containerd/certs.d/gcr.io/hosts.toml

 1  mirror    https://10.0.0.5:5000/v2/ns  [pull]
              HEAD skipped: no "resolve" capability: not asked in the resolve step, but for the content all the same
              GET  https://10.0.0.5:5000/v2/ns/google-containers/pause/manifests/{digest}?ns=gcr.io
              GET  https://10.0.0.5:5000/v2/ns/google-containers/pause/blobs/{digest}?ns=gcr.io

 2  upstream  https://gcr.io/v2  [pull, resolve, push]
              HEAD https://gcr.io/v2/google-containers/pause/manifests/3.9
              GET  https://gcr.io/v2/google-containers/pause/manifests/{digest}
              GET  https://gcr.io/v2/google-containers/pause/blobs/{digest}
`,
    );
  });

  test("--json has the promised fields", async (t) => {
    const { exit, stdout } = await run(t, {
      files: { [CONFIG]: V2_CONFIG, [HOSTS]: MIRRORED.replace('["pull"]', '["pull", "resolve"]') },
      installed: "1.7.24",
      json: true,
    });
    assert.equal(exit, 0);
    const mirror = "https://10.0.0.5:5000/v2/ns/google-containers/pause";
    const upstream = "https://gcr.io/v2/google-containers/pause";
    assert.deepEqual(JSON.parse(stdout), {
      schema: "mirrorlet.explain/v1",
      reference: "gcr.io/google-containers/pause:3.9",
      namespace: "gcr.io",
      directory: "/etc/containerd/certs.d/gcr.io",
      file: HOSTS,
      hosts: [
        {
          url: "https://10.0.0.5:5000/v2/ns",
          role: "mirror",
          capabilities: ["pull", "resolve"],
          resolve: { method: "HEAD", url: `${mirror}/manifests/3.9?ns=gcr.io` },
          manifest: { url: `${mirror}/manifests/{digest}?ns=gcr.io` },
          blob: { url: `${mirror}/blobs/{digest}?ns=gcr.io` },
        },
        {
          url: "https://gcr.io/v2",
          role: "upstream",
          capabilities: ["pull", "resolve", "push"],
          resolve: { method: "HEAD", url: `${upstream}/manifests/3.9` },
          manifest: { url: `${upstream}/manifests/{digest}` },
          blob: { url: `${upstream}/blobs/{digest}` },
        },
      ],
      outcome: { kind: "hosts" },
      notes: [],
    });
  });

  test("a dropped file: where, why, and that the upstream is asked", async (t) => {
    const { exit, stdout } = await run(t, {
      files: { [CONFIG]: V2_CONFIG, [HOSTS]: MIRRORED.replace("pull", "fetch") },
      installed: "1.7.24",
    });
    assert.equal(exit, 1);
    assert.match(stdout, /^hosts {7}the default upstream \(.*hosts\.toml is dropped\)$/m);
    assert.match(
      stdout,
      /^! .*hosts\.toml:4:3: unknown capability fetch: containerd 1\.7\.24 drops the whole file/m,
    );
    assert.doesNotMatch(stdout, /10\.0\.0\.5/);
  });

  test("the same node under another version", async (t) => {
    const files = { [CONFIG]: V2_CONFIG, [HOSTS]: '[host."http://[::1]:5000"]\n' };
    const older = await run(t, { files, installed: "2.1.9", containerdVersion: "1.6.20" });
    assert.equal(older.exit, 1);
    assert.match(older.stdout, /table key cannot contain '\]'/);
    const newer = await run(t, { files, installed: "2.1.9" });
    assert.equal(newer.exit, 0);
    assert.match(newer.stdout, /1 {2}mirror {4}http:\/\/\[::1\]:5000\/v2/);
  });

  test("a CA that is missing fails every pull; one outside certs.d is read, through links too", async (t) => {
    const text = (ca: string): string => `[host."https://m"]\nca = "${ca}"\n`;
    const base = { [CONFIG]: V2_CONFIG, "/pki/real.crt": CERTIFICATE };
    const links = { "/pki/ca.crt": "real.crt" };
    const good = await run(t, {
      files: { ...base, [HOSTS]: text("/pki/ca.crt") },
      links,
      installed: "2.1.9",
    });
    assert.equal(good.exit, 0);
    const bad = await run(t, {
      files: { ...base, [HOSTS]: text("/pki/nope.crt") },
      installed: "2.1.9",
      json: true,
    });
    assert.equal(bad.exit, 1);
    const reason = 'unable to read CA cert "/pki/nope.crt": open /pki/nope.crt: no such file or directory';
    const { outcome, hosts } = JSON.parse(bad.stdout);
    assert.deepEqual(outcome, { kind: "pull-fails", reason });
    assert.deepEqual(hosts, []);
  });

  test("a config_path list that the transfer service takes for one name", async (t) => {
    const config = `version = 3
[plugins."io.containerd.cri.v1.images".registry]
  config_path = "/etc/containerd/certs.d:/etc/docker/certs.d"
`;
    const { stdout } = await run(t, { files: { [CONFIG]: config, [HOSTS]: MIRRORED }, installed: "2.1.9" });
    assert.match(
      stdout,
      /^! config_path .* is a list, which the transfer service takes for one directory name/m,
    );
    assert.doesNotMatch(stdout, /10\.0\.0\.5/);
  });

  test("no configuration at all: certs.d is not read", async (t) => {
    const { exit, stdout } = await run(t, {
      files: { [HOSTS]: MIRRORED },
      installed: "1.7.24",
      image: "nginx",
    });
    assert.equal(exit, 0);
    assert.match(stdout, /^reference {3}docker\.io\/library\/nginx:latest$/m);
    assert.match(
      stdout,
      /^! config_path is empty in \/etc\/containerd\/config\.toml: no hosts\.toml is read/m,
    );
    assert.match(stdout, /HEAD https:\/\/registry-1\.docker\.io\/v2\/library\/nginx\/manifests\/latest$/m);
  });

  test("legacy mirrors", async (t) => {
    const config = `version = 2
[plugins."io.containerd.grpc.v1.cri".registry.mirrors."gcr.io"]
  endpoint = ["http://10.0.0.5:5000"]
`;
    const { stdout } = await run(t, { files: { [CONFIG]: config }, installed: "1.6.20" });
    assert.match(stdout, /^hosts {7}registry\.mirrors, then the default upstream$/m);
    assert.match(
      stdout,
      /HEAD http:\/\/10\.0\.0\.5:5000\/v2\/google-containers\/pause\/manifests\/3\.9\?ns=gcr\.io/,
    );
  });

  test("every path tried, and a host that stands twice", async (t) => {
    const text =
      '[host."http://a"]\n[host."http://b"]\n[host."http://a".header]\nx = "secret-value"\nfoo = "1"\n';
    const path = "/etc/containerd/certs.d/_default/hosts.toml";
    const { stdout } = await run(t, { files: { [CONFIG]: V2_CONFIG, [path]: text }, installed: "2.1.9" });
    assert.match(
      stdout,
      /^directory {3}\/etc\/containerd\/certs\.d\/_default\n {12}not there: .*\/gcr\.io$/m,
    );
    assert.match(stdout, /^! .*: http:\/\/a is tried more than once/m);
    assert.doesNotMatch(stdout, /secret-value/);
  });

  test("colour only when asked for", async (t) => {
    const files = { [CONFIG]: V2_CONFIG, [HOSTS]: MIRRORED };
    const { stdout } = await run(t, { files, installed: "1.7.24", color: true });
    assert.ok(stdout.includes("\u001b[32mmirror\u001b[0m"));
  });

  test("what cannot be determined is 2, what is mistyped 64", async (t) => {
    const unknown = await run(t, {});
    assert.equal(unknown.exit, 2);
    assert.match(unknown.stderr, /--containerd-version/);
    const version = await run(t, { containerdVersion: "new" });
    assert.equal(version.exit, 64);
    const image = await run(t, { image: "gcr.io/UPPER", installed: "2.1.9" });
    assert.equal(image.exit, 64);
    assert.match(image.stderr, /must be lower case/);
    const loop = await run(t, { links: { [CONFIG]: "config.toml" }, installed: "2.1.9" });
    assert.equal(loop.exit, 2);
    assert.match(loop.stderr, /what containerd would do is not known/);
  });
});
