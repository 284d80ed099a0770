import fc from "fast-check";
import type { DesiredState, Mirror } from "../../src/core/desired-state/desired-state.ts";
import { OWNERSHIP_MARKER } from "../../src/core/file-tree.ts";
import { desired, mirror, registry } from "./desired.ts";
import { CERTS_D, CONFIG, DROP_IN, type TestNode } from "./test-node.ts";

const NAMESPACES = [
  "gcr.io",
  "docker.io",
  "quay.io",
  "registry.k8s.io",
  "localhost:5000",
  "10.0.0.1:5000",
  "*",
];
const PEM = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";

export function arbitraryDesiredState(): fc.Arbitrary<DesiredState> {
  return fc
    .uniqueArray(arbitraryRegistry(), { selector: ({ namespace }) => namespace, minLength: 0, maxLength: 6 })
    .map((registries) => desired(...registries));
}

function arbitraryRegistry() {
  const mirrors = fc.uniqueArray(arbitraryMirror(), {
    selector: ({ scheme, host, path }) => `${scheme}${host}${path}`,
    minLength: 1,
    maxLength: 3,
  });
  return fc
    .tuple(fc.constantFrom(...NAMESPACES), mirrors, fc.constantFrom("allow" as const, "never" as const))
    .map(([namespace, own, upstream]) => registry(namespace, own, upstream));
}

function arbitraryMirror(): fc.Arbitrary<Mirror> {
  const options = fc.record(
    {
      capabilities: fc.constantFrom<Mirror["capabilities"]>(["pull"], ["pull", "resolve"]),
      ca: fc.constant(PEM),
      credential: fc.record({ username: fc.string({ minLength: 1 }), password: fc.string() }),
      dialTimeout: fc.constantFrom("1s", "200ms"),
      skipTlsVerify: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  const url = fc.constantFrom(
    "http://127.0.0.1:5001",
    "https://mirror.example",
    "https://127.0.0.1:5002/v2/test-namespace",
    "https://[::1]:5003",
  );
  return fc.tuple(url, options).map(([text, rest]) => mirror(text, rest));
}

/** What may already be on a node: config.toml in several shapes, files of others, leftovers of ours, traces or none. */
export function arbitraryHost(): fc.Arbitrary<(node: TestNode) => void> {
  const config = fc.constantFrom(
    undefined,
    "",
    "version = 2\n",
    '# mine\nversion = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = ""\n',
    'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]\n  endpoint = ["https://old.example"]\n',
    `version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "${CERTS_D}"\n`,
  );
  const files = fc.uniqueArray(
    fc.constantFrom("foreign", "stale", "empty-directory", "docker-certs", "foreign-drop-in"),
  );
  return fc
    .tuple(config, files, fc.boolean())
    .map(([text, present, hasExporter]) => (node: TestNode): void => {
      node.containerd.hasExporter = hasExporter;
      if (present.includes("foreign-drop-in")) node.write(DROP_IN, "[Service]\nLimitNOFILE=5\n");
      if (text !== undefined) node.write(CONFIG, text);
      if (present.includes("foreign")) node.write(`${CERTS_D}/quay.io/hosts.toml`, "# by hand\n[host]\n");
      if (present.includes("stale"))
        node.write(`${CERTS_D}/old.io/hosts.toml`, `${OWNERSHIP_MARKER}\n[host]\n`);
      if (present.includes("docker-certs")) node.write(`${CERTS_D}/gcr.io/ca.crt`, PEM);
      if (present.includes("empty-directory")) node.write(`${CERTS_D}/other/.keep`, "");
    });
}
