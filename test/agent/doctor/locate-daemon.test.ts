import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import type { DaemonInspector, DaemonProcess } from "../../../src/agent/doctor/daemon-inspector.ts";
import { locateDaemon } from "../../../src/agent/doctor/locate-daemon.ts";
import { configArgument } from "../../../src/core/doctor/process/well-known-daemons.ts";
import { createFiles } from "../../../src/host/files.ts";

const USUAL = {
  socket: "/run/containerd/containerd.sock",
  configFile: "/etc/containerd/config.toml",
  certsD: "/etc/containerd/certs.d",
};
const K3S_SOCKET = "/run/k3s/containerd/containerd.sock";
const RKE2_CONFIG = "/var/lib/rancher/rke2/agent/etc/containerd/config.toml";
const K3S_CONFIG = "/var/lib/rancher/k3s/agent/etc/containerd/config.toml";

/** A machine on which these processes listen. */
function machine(processes: Readonly<Record<string, Partial<DaemonProcess> | "hidden">>): DaemonInspector {
  return {
    isListenedOn: (socket) => processes[socket] !== undefined,
    find(socket) {
      const found = processes[socket];
      return found === undefined ? "none" : found === "hidden" ? found : { pid: 1, ...found };
    },
    filesSeenBy: () => createFiles(),
    unreadableFor: () => [],
    changedMs: () => undefined,
    newestBelow: () => undefined,
    unit: async () => undefined,
  };
}

function files(t: TestContext, ...paths: readonly string[]) {
  const root = mkdtempSync(join(tmpdir(), "mirrorlet-locate-"));
  t.after(() => rmSync(root, { recursive: true }));
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "");
  }
  return createFiles({ root });
}

test("the usual socket wins; the file of --config is the one that counts, and others are told", async (t) => {
  const inspector = machine({
    [USUAL.socket]: { commandLine: ["containerd", "--config", "/etc/cri/containerd.toml"] },
    [K3S_SOCKET]: {},
  });
  const found = await locateDaemon({ place: USUAL, isChosen: false, inspector, files: files(t) });
  assert.equal(found.socket, USUAL.socket);
  assert.equal(found.configFile, "/etc/cri/containerd.toml");
  assert.equal(found.unreadConfig, USUAL.configFile);
  assert.match(found.notChecked[0]?.what ?? "", /K3s/);
  const plain = machine({ [USUAL.socket]: { commandLine: ["/usr/bin/containerd"] } });
  const same = await locateDaemon({ place: USUAL, isChosen: false, inspector: plain, files: files(t) });
  assert.equal(same.configFile, USUAL.configFile);
  assert.equal(same.unreadConfig, undefined);
});

test("without it, the containerd of a product that runs; K3s and RKE2 are told apart", async (t) => {
  const rke2 = machine({ [K3S_SOCKET]: { commandLine: ["containerd", "-c", RKE2_CONFIG] } });
  const byArgument = await locateDaemon({ place: USUAL, isChosen: false, inspector: rke2, files: files(t) });
  assert.deepEqual(
    [byArgument.product, byArgument.configFile, byArgument.certsD],
    ["RKE2", RKE2_CONFIG, "/var/lib/rancher/rke2/agent/etc/containerd/certs.d"],
  );
  assert.equal(byArgument.unreadConfig, undefined);
  const silent = machine({ [K3S_SOCKET]: {} });
  const byFile = await locateDaemon({
    place: USUAL,
    isChosen: false,
    inspector: silent,
    files: files(t, RKE2_CONFIG),
  });
  assert.equal(byFile.product, "RKE2");
});

test("what is chosen is looked at, also where nobody listens or somebody of another user", async (t) => {
  const inspector = machine({ [K3S_SOCKET]: {} });
  const absent = await locateDaemon({ place: USUAL, isChosen: true, inspector, files: files(t) });
  assert.deepEqual([absent.socket, absent.isAbsent, absent.process], [USUAL.socket, true, undefined]);
  const hidden = machine({ [USUAL.socket]: "hidden" });
  const other = await locateDaemon({ place: USUAL, isChosen: true, inspector: hidden, files: files(t) });
  assert.equal(other.isAbsent, false);
  assert.match(other.notChecked[0]?.why ?? "", /run doctor as root/);
});

test("of files alone, those of a product are found where the usual one is not there", async (t) => {
  const offline = { place: USUAL, isChosen: false, inspector: undefined };
  assert.equal((await locateDaemon({ ...offline, files: files(t, K3S_CONFIG) })).configFile, K3S_CONFIG);
  const both = files(t, K3S_CONFIG, USUAL.configFile);
  assert.equal((await locateDaemon({ ...offline, files: both })).configFile, USUAL.configFile);
  assert.equal((await locateDaemon({ ...offline, files: files(t) })).configFile, USUAL.configFile);
  const chosen = await locateDaemon({ ...offline, isChosen: true, files: files(t, K3S_CONFIG) });
  assert.equal(chosen.configFile, USUAL.configFile);
});

test("--config in all its forms, relative to where the process was started", async (t) => {
  for (const words of [["--config", "/x"], ["--config=/x"], ["-c", "/x"], ["-c=/x"], ["-config", "/x"]])
    assert.equal(configArgument(["containerd", "--log-level", "debug", ...words]), "/x", words.join(" "));
  assert.equal(configArgument(["containerd"]), undefined);
  assert.equal(configArgument(["containerd", "--config"]), undefined);
  const inspector = machine({
    [USUAL.socket]: { commandLine: ["containerd", "-c", "../c.toml"], workingDirectory: "/etc/x" },
  });
  const found = await locateDaemon({ place: USUAL, isChosen: false, inspector, files: files(t) });
  assert.equal(found.configFile, "/etc/c.toml");
});
