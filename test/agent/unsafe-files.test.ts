import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { before, type TestContext, test } from "node:test";
import { createLoadMemory } from "../../src/agent/remember-loaded.ts";
import { exposureOf } from "../../src/edge/exposure-of.ts";
import { inspectCertificates } from "../../src/host/certificates.ts";
import { createFiles } from "../../src/host/files.ts";
import { sha256 } from "../../src/host/sha256.ts";
import { createCa } from "../support/tls.ts";

const skip = process.getuid?.() === 0 ? false : "only root can give files away";
const NOBODY = 65_534;
const PLACE = "/etc/pki/named.yaml";
const KEY = "/etc/client.key";
const CERTIFICATE = "/etc/client.crt";

let material: { readonly ca: string; readonly certificate: string; readonly key: string };
before(async () => {
  const ca = await createCa();
  const client = await ca.issueServer();
  material = { ca: ca.cert, certificate: client.cert, key: client.key };
});

interface Kind {
  readonly content: () => string;
  readonly desired: string;
  /** What it holds is a secret. */
  readonly isSecret: boolean;
}

const native = (entry: string, more = ""): string =>
  `apiVersion: mirrorlet/v1\nkind: RegistryMirrors\nregistryMirrors: [{endpoint: https://m.example, hosts: [gcr.io], ${entry}}]\n${more}`;
const docker = () => JSON.stringify({ auths: { "m.example": { username: "ann", password: "pass" } } });
const secretRef = (key: string, name: string) =>
  `kind: Cluster\nspec: {nodeConfig: {registryMirrors: [{endpoint: https://m.example, ${key}: {name: ${name}}}]}}\n`;

/** Every kind of file that a desired state names. */
const kinds: Readonly<Record<string, Kind>> = {
  "a CA": { content: () => material.ca, desired: native(`caCertPath: ${PLACE}`), isSecret: false },
  "a client certificate": {
    content: () => material.certificate,
    desired: native(`clientCertPath: ${PLACE}, clientKeyPath: ${KEY}`),
    isSecret: false,
  },
  "a client key": {
    content: () => material.key,
    desired: native(`clientCertPath: ${CERTIFICATE}, clientKeyPath: ${PLACE}`),
    isSecret: true,
  },
  "a docker config": {
    content: docker,
    desired: native(`pullCredentialConfigPath: ${PLACE}`),
    isSecret: true,
  },
  "a password file": {
    content: () => "pass\n",
    desired: native(`pullCredential: {username: ann, passwordFile: ${PLACE}}`),
    isSecret: true,
  },
  "a service-account key": {
    content: () => '{"private_key": "x"}',
    desired: `gcrKeyPath: ${PLACE}\nregistryMirrors: [{endpoint: https://m.example}]\n`,
    isSecret: true,
  },
  "a Secret in secrets_dir": {
    content: () => "kind: Secret\nmetadata: {name: login}\nstringData: {username: ann, password: pass}\n",
    desired: secretRef("pullCredentialSecretRef", "login"),
    isSecret: true,
  },
};

/** A refused Secret is then also one that nobody has given; the lab's certificates are short-lived. */
const beside = new Set(["secret-missing", "certificate-expires-soon"]);

type Change = (path: string) => void;
const ways: Readonly<Record<string, readonly [Change, "fine" | "refused" | "readable"]>> = {
  "0600": [(path) => chmodSync(path, 0o600), "fine"],
  "0640": [(path) => chmodSync(path, 0o640), "fine"],
  "0644": [(path) => chmodSync(path, 0o644), "readable"],
  "0644 in a closed directory": [
    (path) => {
      chmodSync(path, 0o644);
      chmodSync(dirname(path), 0o700);
    },
    "fine",
  ],
  "0660": [(path) => chmodSync(path, 0o660), "refused"],
  "0602": [(path) => chmodSync(path, 0o602), "refused"],
  "another owner": [(path) => chownSync(path, NOBODY, 0), "refused"],
  "another owner of the directory": [(path) => chownSync(dirname(path), NOBODY, 0), "refused"],
  "a directory that all may write": [(path) => chmodSync(dirname(path), 0o777), "refused"],
  "a sticky directory that all may write": [(path) => chmodSync(dirname(path), 0o1777), "fine"],
  "a link that is somebody else's": [
    (path) => {
      execFileSync("mv", [path, `${path}.real`]);
      symlinkSync("named.yaml.real", path);
      execFileSync("chown", ["-h", `${NOBODY}`, path]);
    },
    "refused",
  ],
};

for (const [name, kind] of Object.entries(kinds))
  test(`${name} that others may change is refused, a secret that all may read is told`, {
    skip,
  }, async (t) => {
    for (const [how, [change, expected]] of Object.entries(ways)) {
      const node = prepare(t, kind);
      change(node.path);
      const codes = (await node.load()).issues.map(({ code }) => code);
      const wanted = {
        fine: [],
        refused: ["file-untrusted"],
        readable: kind.isSecret ? ["file-exposed"] : [],
      }[expected];
      assert.deepEqual(
        codes.filter((code) => !beside.has(code)),
        wanted,
        how,
      );
    }
  });

for (const [name, kind] of Object.entries(kinds))
  test(`${name} that is a pipe, a device or a socket is an issue and holds nobody up`, {
    skip,
    timeout: 60_000,
  }, async (t) => {
    const special: Readonly<Record<string, (path: string) => Promise<void>>> = {
      pipe: async (path) => void execFileSync("mkfifo", [path]),
      device: async (path) => void execFileSync("mknod", [path, "c", "1", "5"]),
      socket: async (path) => {
        const server = createServer();
        await new Promise<void>((resolve) => server.listen(path, resolve));
        t.after(() => server.close());
      },
      directory: async (path) => void mkdirSync(path),
    };
    for (const [what, make] of Object.entries(special)) {
      const node = prepare(t, kind);
      rmSync(node.path);
      await make(node.path);
      const { state, issues } = await node.load();
      assert.equal(state, undefined, what);
      assert.match(issues[0]?.code ?? "", /^(?:file-unreadable|secret-missing)$/, what);
    }
  });

test("a change of mode alone is noticed, both ways", { skip }, async (t) => {
  const node = prepare(t, kinds["a CA"] as Kind);
  for (const [mode, isFine] of [
    [0o644, true],
    [0o646, false],
    [0o644, true],
  ] as const) {
    chmodSync(node.path, mode);
    assert.equal((await node.load()).state !== undefined, isFine, mode.toString(8));
  }
});

test("no message repeats what a refused file holds", { skip }, async (t) => {
  const node = prepare(t, { ...(kinds["a password file"] as Kind), content: () => "hunter2hunter2" });
  chmodSync(node.path, 0o666);
  assert.doesNotMatch(JSON.stringify(await node.load()), /hunter2/);
});

function prepare(t: TestContext, kind: Kind) {
  const root = mkdtempSync(join(tmpdir(), "mirrorlet-unsafe-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const put = (path: string, content: string): string => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content, { mode: 0o600 });
    return join(root, path);
  };
  put(KEY, material.key);
  put(CERTIFICATE, material.certificate);
  const path = put(PLACE, kind.content());
  const files = createFiles({ root });
  const understand = createLoadMemory(sha256);
  const source = { name: "state.yaml", bytes: new TextEncoder().encode(kind.desired) };
  return {
    path,
    load: () =>
      understand([source], {
        files,
        exposureOf: (named) => exposureOf(named, root, 0),
        clock: { now: () => Date.now() },
        certificates: inspectCertificates,
        secretsDir: dirname(PLACE),
      }),
  };
}
