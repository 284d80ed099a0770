import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { DesiredState, Mirror } from "../../../src/core/desired-state/desired-state.ts";
import { createCa } from "../../support/tls.ts";
import { base64, dockerConfig, type ResolveTextOptions, resolveText, source } from "./resolve-text.ts";

let ca = "";
let client = { cert: "", key: "" };

before(async () => {
  const authority = await createCa();
  // Valid from 2020 to 2090, so that no date gets in the way.
  client = await authority.issueClient("node");
  ca = (await authority.issueServer()).cert;
});

test("native form: everything it can say", () => {
  const state = stateOf(
    `apiVersion: mirrorlet/v1
kind: RegistryMirrors
generation: 12
registryMirrors:
  - endpoint: https://172.18.0.20:5000/v2/test-namespace
    hosts: [gcr.io, docker.io]
    caCertPath: /root/ca.crt
    clientCertPath: /root/client.crt
    clientKeyPath: /root/client.key
    pullCredentialConfigPath: /root/.docker/config.json
    dialTimeout: 1s
  - endpoint: http://10.0.0.2:5000
    hosts: [docker.io, "*"]
    capabilities: [pull]
    pullCredential: {username: bob, passwordFile: /root/password}
    allowInsecureCredentials: true
upstream:
  "*": allow
  docker.io: never
privateRegistryConfigPath: /root/upstreams.json
gcrKeyPath: /root/gcr.json
canaries: [gcr.io/google-containers/pause:3.9]
allowMassRemoval: true
`,
    {
      files: {
        "/root/ca.crt": ca,
        "/root/client.crt": client.cert,
        "/root/client.key": client.key,
        "/root/.docker/config.json": dockerConfig({ "172.18.0.20:5000": 'ann:p"a\\ss:wörd' }),
        "/root/password": "secret\n",
        "/root/upstreams.json": dockerConfig({ "https://index.docker.io/v1/": "hub:token" }),
        "/root/gcr.json": '{\n  "type": "service_account",\n  "private_key": "k\\nk"\n}\n',
      },
      containerd: "1.6.20",
    },
  );
  const first: Mirror = {
    scheme: "https",
    host: "172.18.0.20:5000",
    path: "/v2/test-namespace",
    capabilities: ["pull", "resolve"],
    ca,
    client: { certificate: client.cert, key: client.key },
    skipTlsVerify: false,
    dialTimeout: "1s",
    credential: { username: "ann", password: 'p"a\\ss:wörd' },
  };
  const second: Mirror = {
    scheme: "http",
    host: "10.0.0.2:5000",
    path: "",
    capabilities: ["pull"],
    skipTlsVerify: false,
    credential: { username: "bob", password: "secret" },
  };
  assert.deepEqual(state, {
    generation: 12,
    registries: [
      { namespace: "gcr.io", mirrors: [first], upstream: "allow" },
      { namespace: "docker.io", mirrors: [first, second], upstream: "never" },
      { namespace: "*", mirrors: [second], upstream: "allow" },
    ],
    upstreamCredentials: [
      { host: "registry-1.docker.io", credential: { username: "hub", password: "token" } },
      {
        host: "gcr.io",
        credential: { username: "_json_key", password: '{"type":"service_account","private_key":"k\\nk"}' },
      },
    ],
    canaries: ["gcr.io/google-containers/pause:3.9"],
    allowMassRemoval: true,
  } satisfies DesiredState);
});

test('native form: the policy of "*" is that of every registry without its own', () => {
  const { registries } = stateOf(`apiVersion: mirrorlet/v1
kind: RegistryMirrors
registryMirrors:
- endpoint: https://m.example.com
  hosts: [gcr.io, docker.io, "*"]
upstream: {"*": never, docker.io: allow}
`);
  const policies = registries.map(({ namespace, upstream }) => [namespace, upstream]);
  assert.deepEqual(policies, [
    ["gcr.io", "never"],
    ["docker.io", "allow"],
    ["*", "never"],
  ]);
});

test("native form: JSON says the same as YAML", () => {
  const entry = { endpoint: "https://m.example.com", hosts: ["gcr.io"] };
  const json = JSON.stringify(
    { apiVersion: "mirrorlet/v1", kind: "RegistryMirrors", registryMirrors: [entry] },
    null,
    "\t",
  );
  const yaml = `apiVersion: mirrorlet/v1\nkind: RegistryMirrors\nregistryMirrors:\n- endpoint: https://m.example.com\n  hosts: [gcr.io]\n`;
  assert.deepEqual(stateOf(json), stateOf(yaml));
});

test("native form: a UTF-8 BOM and CRLF line ends change nothing", () => {
  const yaml = `apiVersion: mirrorlet/v1\nkind: RegistryMirrors\nregistryMirrors:\n- endpoint: https://m.example.com\n  hosts: [gcr.io]\n`;
  assert.deepEqual(stateOf(`\ufeff${yaml.replaceAll("\n", "\r\n")}`), stateOf(yaml));
});

test("native form: removing every mirror is said in words", () => {
  const state = stateOf(
    "apiVersion: mirrorlet/v1\nkind: RegistryMirrors\nregistryMirrors: []\nallowMassRemoval: true\n",
  );
  assert.deepEqual(state.registries, []);
  assert.equal(state.allowMassRemoval, true);
});

test("cluster file header: gcr.io is always mirrored, hosts adds to it, other keys are the cluster's own", () => {
  const state = stateOf(
    `gcrKeyPath: /keys/gcr.json
sshPrivateKeyPath: .ssh/id_rsa
registryMirrors:
  - endpoint: https://172.18.0.20:5000
    caCertPath:
    pullCredentialConfigPath: ""
    hosts: [docker.io, gcr.io]
---
apiVersion: v1
kind: Namespace
metadata: {name: cluster-a}
---
apiVersion: baremetal.cluster.gke.io/v1
kind: Cluster
metadata: {name: a, namespace: cluster-a}
spec: {type: hybrid, nodeConfig: {containerRuntime: containerd}}
`,
    { files: { "/keys/gcr.json": '{"private_key":"k"}' } },
  );
  assert.deepEqual(state.registries, [
    { namespace: "gcr.io", mirrors: [mirror("172.18.0.20:5000")], upstream: "allow" },
    { namespace: "docker.io", mirrors: [mirror("172.18.0.20:5000")], upstream: "allow" },
  ]);
  assert.equal(state.upstreamCredentials[0]?.host, "gcr.io");
});

test("air-gapped header: gcr.io and docker.io are always mirrored", () => {
  const state = stateOf(
    `privateRegistryConfigPath: /root/config.json
registryMirrors:
  - endpoint: https://172.18.0.20:5000/v2/library
    hosts: [quay.io]
`,
    { files: { "/root/config.json": dockerConfig({ "quay.io": "q:p" }) } },
  );
  const own = mirror("172.18.0.20:5000", { path: "/v2/library" });
  assert.deepEqual(
    state.registries,
    ["gcr.io", "docker.io", "quay.io"].map((namespace) => ({ namespace, mirrors: [own], upstream: "allow" })),
  );
  assert.deepEqual(state.upstreamCredentials, [
    { host: "quay.io", credential: { username: "q", password: "p" } },
  ]);
});

const CLUSTER = `apiVersion: baremetal.cluster.gke.io/v1
kind: Cluster
metadata: {name: user, namespace: cluster-user}
spec:
  nodeConfig:
    registryMirrors:
      - endpoint: https://172.18.0.20:5000
        hosts: [docker.io]
        caCertSecretRef: {name: mirror-ca, namespace: cluster-user}
        pullCredentialSecretRef: {name: mirror-login, namespace: cluster-user}
`;

const secret = (name: string, fields: string) =>
  `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}, namespace: cluster-user}\n${fields}\n`;

for (const [title, login] of [
  [
    "a docker config",
    () => `data: {.dockerconfigjson: ${base64(dockerConfig({ "172.18.0.20:5000": "ann:pass" }))}}`,
  ],
  ["username and password", () => "stringData: {username: ann, password: pass}"],
] as const) {
  test(`kind: Cluster: CA and ${title} from Secrets of the same input`, () => {
    const text = [
      CLUSTER,
      secret("mirror-ca", `data:\n  ca.crt: ${base64(ca)}`),
      secret("mirror-login", login()),
    ].join("---\n");
    const wanted = mirror("172.18.0.20:5000", { ca, credential: { username: "ann", password: "pass" } });
    assert.deepEqual(stateOf(text).registries, [
      { namespace: "gcr.io", mirrors: [wanted], upstream: "allow" },
      { namespace: "docker.io", mirrors: [wanted], upstream: "allow" },
    ]);
  });
}

test("kind: Cluster: Secrets from secrets_dir", () => {
  const secrets = {
    "/secrets/ca.yaml": secret("mirror-ca", `data:\n  ca.crt: ${base64(ca)}`),
    "/secrets/login.yaml": secret("mirror-login", "stringData: {username: ann, password: pass}"),
    "/secrets/other.yaml": "kind: ConfigMap\nanything: goes\n",
  };
  const state = stateOf(CLUSTER, { secretsDir: "/secrets", secrets });
  assert.deepEqual(state.registries[0]?.mirrors[0]?.credential, { username: "ann", password: "pass" });
});

test("mirror sets: capabilities by kind, prefix to endpoint, Never closes, credentials from the pull secret", () => {
  const { state, issues } = resolveText(
    `apiVersion: config.openshift.io/v1
kind: ImageDigestMirrorSet
metadata: {name: digests}
spec:
  imageDigestMirrors:
    - source: quay.io/team/app
      mirrors: [mirror.example.com:5000/prefix/team/app]
      mirrorSourcePolicy: NeverContactSource
    - source: registry.redhat.io
      mirrors: [mirror.example.com:5000/redhat, second.example.com]
---
apiVersion: config.openshift.io/v1
kind: ImageTagMirrorSet
metadata: {name: tags}
spec:
  imageTagMirrors:
    - source: quay.io
      mirrors: [mirror.example.com:5000/prefix]
      mirrorSourcePolicy: AllowContactingSource
---
apiVersion: operator.openshift.io/v1alpha1
kind: ImageContentSourcePolicy
metadata: {name: old}
spec:
  repositoryDigestMirrors:
    - source: gcr.io
      mirrors: [mirror.example.com:5000]
`,
    {
      pullSecret: "/pull.json",
      files: {
        "/pull.json": dockerConfig({
          "mirror.example.com:5000": "any:where",
          "mirror.example.com:5000/redhat": "red:hat",
        }),
      },
    },
  );
  const any = { username: "any", password: "where" };
  assert.deepEqual(state?.registries, [
    {
      namespace: "quay.io",
      mirrors: [mirror("mirror.example.com:5000", { path: "/v2/prefix", credential: any })],
      upstream: "never",
    },
    {
      namespace: "registry.redhat.io",
      mirrors: [
        mirror("mirror.example.com:5000", {
          path: "/v2/redhat",
          capabilities: ["pull"],
          credential: { username: "red", password: "hat" },
        }),
        mirror("second.example.com", { capabilities: ["pull"] }),
      ],
      upstream: "allow",
    },
    {
      namespace: "gcr.io",
      mirrors: [mirror("mirror.example.com:5000", { capabilities: ["pull"], credential: any })],
      upstream: "allow",
    },
  ]);
  assert.deepEqual(
    issues.map(({ code }) => code),
    ["source-widened"],
  );
  assert.match(issues[0]?.message ?? "", /every repository of quay\.io outside quay\.io\/team\/app/);
});

test("mirror sets: as `oc get -o yaml` prints them, in a List", () => {
  const state = stateOf(`apiVersion: v1
kind: List
items:
- apiVersion: config.openshift.io/v1
  kind: ImageTagMirrorSet
  metadata: {name: tags}
  spec:
    imageTagMirrors:
    - {source: quay.io, mirrors: [m.example.com]}
`);
  assert.deepEqual(state.registries, [
    { namespace: "quay.io", mirrors: [mirror("m.example.com")], upstream: "allow" },
  ]);
});

test("mirror sets: orders that agree are merged, whichever object comes first", () => {
  const set = (...mirrors: string[]) =>
    `kind: ImageTagMirrorSet\nspec: {imageTagMirrors: [{source: quay.io, mirrors: [${mirrors.join(", ")}]}]}\n`;
  const text = [set("c.io", "d.io", "e.io"), set("a.io", "b.io", "c.io")].join("---\n");
  const hosts = stateOf(text).registries[0]?.mirrors.map(({ host }) => host);
  assert.deepEqual(hosts, ["a.io", "b.io", "c.io", "d.io", "e.io"]);
});

test("k3s registries.yaml: mirrors with TLS and auth by endpoint, and credentials of upstreams", () => {
  const state = stateOf(
    `mirrors:
  docker.io:
    endpoint:
      - https://mirror.example.com:5000/v2
      - 127.0.0.1:5000
  "*":
    endpoint: ["https://other.example.com"]
configs:
  mirror.example.com:5000:
    auth: {username: ann, password: pass}
    tls: {ca_file: /ca.crt, cert_file: /client.crt, key_file: /client.key}
  docker.io:
    auth: {auth: ${base64("hub:token")}}
`,
    { files: { "/ca.crt": ca, "/client.crt": client.cert, "/client.key": client.key } },
  );
  assert.deepEqual(state.registries, [
    {
      namespace: "docker.io",
      mirrors: [
        mirror("mirror.example.com:5000", {
          ca,
          client: { certificate: client.cert, key: client.key },
          credential: { username: "ann", password: "pass" },
        }),
        mirror("127.0.0.1:5000", { scheme: "http" }),
      ],
      upstream: "allow",
    },
    { namespace: "*", mirrors: [mirror("other.example.com")], upstream: "allow" },
  ]);
  assert.deepEqual(state.upstreamCredentials, [
    { host: "registry-1.docker.io", credential: { username: "hub", password: "token" } },
  ]);
});

test("the same wish in three forms gives the same registries", () => {
  const config = dockerConfig({ "172.18.0.20:5000": "ann:pass" });
  const header = stateOf(
    `registryMirrors:
  - endpoint: https://172.18.0.20:5000/v2/ns
    hosts: [docker.io]
    pullCredentialConfigPath: /config.json
`,
    { files: { "/config.json": config } },
  );
  const cluster = stateOf(
    `kind: Cluster
spec:
  nodeConfig:
    registryMirrors:
      - endpoint: https://172.18.0.20:5000/v2/ns
        hosts: [docker.io]
        pullCredentialSecretRef: {name: login, namespace: a}
---
kind: Secret
metadata: {name: login, namespace: a}
data: {.dockerconfigjson: ${base64(config)}}
`,
  );
  const sets = stateOf(
    `kind: ImageDigestMirrorSet
spec:
  imageDigestMirrors:
    - {source: gcr.io, mirrors: ["172.18.0.20:5000/ns"]}
    - {source: docker.io, mirrors: ["172.18.0.20:5000/ns"]}
---
kind: ImageTagMirrorSet
spec:
  imageTagMirrors:
    - {source: gcr.io, mirrors: ["172.18.0.20:5000/ns"]}
    - {source: docker.io, mirrors: ["172.18.0.20:5000/ns"]}
`,
    { pullSecret: "/config.json", files: { "/config.json": config } },
  );
  assert.equal(header.registries.length, 2);
  assert.deepEqual(cluster.registries, header.registries);
  assert.deepEqual(sets.registries, header.registries);
});

test("documents of several files count together; the same mirror twice is one", () => {
  const entry = (hosts: string) =>
    `registryMirrors:\n- endpoint: https://m.example.com\n  hosts: [${hosts}]\n`;
  const { state } = resolveText([source("a.yaml", entry("docker.io")), source("b.yaml", entry("quay.io"))]);
  assert.deepEqual(
    state?.registries.map(({ namespace, mirrors }) => [namespace, mirrors.length]),
    [
      ["gcr.io", 1],
      ["docker.io", 1],
      ["quay.io", 1],
    ],
  );
});

function stateOf(text: string, options: ResolveTextOptions = {}): DesiredState {
  const { state, issues } = resolveText(text, options);
  assert.deepEqual(issues, []);
  assert.ok(state);
  return state;
}

function mirror(host: string, overrides: Partial<Mirror> = {}): Mirror {
  return {
    scheme: "https",
    host,
    path: "",
    capabilities: ["pull", "resolve"],
    skipTlsVerify: false,
    ...overrides,
  };
}
