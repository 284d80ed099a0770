import assert from "node:assert/strict";
import { test } from "node:test";
import {
  findForeignExporter,
  findForeignVariable,
} from "../../../../src/core/containerd/tracing/find-exporter.ts";
import { tracesEndpoint } from "../../../../src/core/containerd/tracing/traces-endpoint.ts";
import {
  endpointInTracesFile,
  renderTracesFile,
  tracesEnvironment,
} from "../../../../src/core/containerd/tracing/traces-file.ts";
import { sharedUnitOf, tracesPlaceOf } from "../../../../src/core/containerd/tracing/traces-place.ts";
import { parseContainerdVersion, traitsOf } from "../../../../src/core/containerd/version.ts";
import { isOwned, OWNERSHIP_MARKER } from "../../../../src/core/file-tree.ts";

const ENDPOINT = "http://127.0.0.1:9478/v1/traces";

function version(text: string) {
  const parsed = parseContainerdVersion(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

test("every release takes its settings of traces from where its source says", () => {
  const expected = {
    "1.6.0": "config",
    "1.6.31": "config",
    "1.6.32": "environment",
    "1.7.0": "config",
    "1.7.15": "config",
    "1.7.16": "environment",
    "1.7.18": "environment",
    "1.7.19": "environment-then-config",
    "1.7.34": "environment-then-config",
    "2.0.0": "environment",
    "2.4.0-beta.0": "environment",
  };
  for (const [text, settings] of Object.entries(expected))
    assert.equal(traitsOf(version(text)).tracingSettings, settings, text);
  assert.equal(traitsOf(version("1.6.39")).tracesPulls, false);
  assert.equal(traitsOf(version("1.7.0")).tracesPulls, true);
});

test("spans go to loopback whatever the agent listens on, unless its port is open", () => {
  const expected = {
    "127.0.0.1:9478": ENDPOINT,
    "127.0.0.2:9478": "http://127.0.0.2:9478/v1/traces",
    "localhost:80": "http://localhost:80/v1/traces",
    "[::1]:9478": "http://[::1]:9478/v1/traces",
    "0.0.0.0:9478": ENDPOINT,
    "[::]:9478": ENDPOINT,
    "10.0.0.5:9478": ENDPOINT,
    "node-1.example:9478": ENDPOINT,
    "127.0.0.1:0": undefined,
  };
  for (const [address, endpoint] of Object.entries(expected))
    assert.equal(tracesEndpoint(address), endpoint, address);
});

test("the drop-in belongs to the unit that is restarted, by its whole name", () => {
  const at = (unit: string) => `/etc/systemd/system/${unit}.d/50-mirrorlet-traces.conf`;
  const expected: readonly (readonly [readonly string[], string | undefined])[] = [
    [["systemctl", "restart", "containerd.service"], at("containerd.service")],
    [["/bin/systemctl", "--no-block", "restart", "k3s"], at("k3s.service")],
    [["systemctl", "restart", "containerd@main"], at("containerd@main.service")],
    [["systemctl", "restart", "containerd-1.7"], at("containerd-1.7.service")],
    [["systemctl", "restart", "containerd.target"], undefined],
    [["systemctl", "restart", "../../passwd"], undefined],
    [["systemctl", "restart", ".."], undefined],
    [["systemctl", "restart"], undefined],
    [["/usr/local/bin/restart"], undefined],
  ];
  for (const [restart, path] of expected)
    assert.equal(tracesPlaceOf({ restart, environmentFile: undefined })?.path, path, restart.join(" "));
  assert.deepEqual(tracesPlaceOf({ restart: ["systemctl", "restart", "x"], environmentFile: "/etc/e" }), {
    kind: "environment-file",
    path: "/etc/e",
  });
});

test("a unit that is not containerd's own is told by its name", () => {
  const shared = (restart: readonly string[], environmentFile?: string) =>
    sharedUnitOf({ restart, environmentFile });
  const systemctl = (unit: string) => shared(["systemctl", "restart", unit]);
  for (const own of [
    "containerd",
    "containerd@main",
    "snap.microk8s.daemon-containerd",
    "host-containerd.service",
  ])
    assert.equal(systemctl(own), undefined, own);
  for (const other of [
    "k3s",
    "k3s-agent",
    "rke2-server",
    "rke2-agent",
    "k0scontroller",
    "k0sworker",
    "docker",
  ])
    assert.equal(systemctl(other), `${other}.service`);
  assert.equal(
    shared(["systemctl", "restart", "k3s"], "/etc/e"),
    undefined,
    "whoever names a file has decided",
  );
  assert.equal(shared(["/usr/local/bin/restart"]), undefined);
});

test("what is written is ours, small, and reads back", () => {
  for (const kind of ["drop-in", "environment-file"] as const) {
    const text = renderTracesFile(kind, ENDPOINT);
    assert.ok(isOwned(new TextEncoder().encode(text)));
    assert.equal(endpointInTracesFile(text), ENDPOINT);
    for (const line of text.split("\n").filter((line) => line !== "" && !line.startsWith("#")))
      assert.match(line, kind === "drop-in" ? /^(?:\[Service\]|Environment=\w+=\S+)$/ : /^\w+=\S+$/);
  }
  assert.equal(endpointInTracesFile(`${OWNERSHIP_MARKER}\n`), undefined);
});

test("whoever decides about traces in the environment is noticed, and what cannot send any is not taken for one", () => {
  const ours = new Set([ENDPOINT]);
  assert.equal(findForeignVariable(tracesEnvironment(ENDPOINT), ours), undefined);
  assert.equal(
    findForeignVariable(tracesEnvironment(ENDPOINT), new Set()),
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  );
  for (const harmless of [
    {},
    { OTEL_SERVICE_NAME: "containerd" },
    { OTEL_TRACES_EXPORTER: "otlp" },
    { OTEL_SDK_DISABLED: "false" },
    { OTEL_SDK_DISABLED: "" },
    { OTEL_EXPORTER_OTLP_ENDPOINT: "" },
    { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
  ])
    assert.equal(findForeignVariable(harmless, ours), undefined, JSON.stringify(harmless));
  for (const disabled of ["1", "true", "T", "yes"])
    assert.equal(findForeignVariable({ OTEL_SDK_DISABLED: disabled }, ours), "OTEL_SDK_DISABLED");
});

test("an exporter in config.toml or an import is found at its line, and ours is not taken for it", () => {
  const table = '[plugins."io.containerd.tracing.processor.v1.otlp"]\n';
  const endpoint = 'endpoint = "http://collector:4317"\n';
  const find = (text: string, release = "1.7.24") =>
    findForeignExporter(
      [
        { path: "/main", text: "version = 2\n" },
        { path: "/import", text },
      ],
      version(release),
      new Set(["http://127.0.0.1:9478"]),
    );
  assert.deepEqual(find(`version = 2\n${table}  ${endpoint}`), { file: "/import", line: 3, column: 3 });
  assert.ok(
    find(`version = 3\n${table}${endpoint}`, "2.1.9"),
    "not read there, and somebody's wish all the same",
  );
  assert.ok(find(`[plugins.otlp]\n${endpoint}`), "a file of version 1");
  assert.equal(find(`version = 2\n${table}`), undefined);
  assert.equal(find(`version = 2\n${table}endpoint = ""\n`), undefined);
  assert.equal(find(`version = 2\n# otlp\n`), undefined);
  assert.equal(find(`version = 2\n${table}endpoint = "http://127.0.0.1:9478"\n`), undefined);
  assert.equal(find(`not toml at all otlp`), undefined);
});
