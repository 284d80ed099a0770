import assert from "node:assert/strict";
import { test } from "node:test";
import { readRegistryConfig } from "../../../../src/core/containerd/registry-config.ts";
import { type ContainerdVersion, parseContainerdVersion } from "../../../../src/core/containerd/version.ts";
import { checkProcess } from "../../../../src/core/doctor/process/check-process.ts";
import { CERTS_D, CONFIG, goodConfig, RELEASES, viewOf } from "../../../support/doctored-node.ts";
import { codes, findings, GCR, goodFiles, goodProcess, hosts, STARTED } from "./running-node.ts";

function version(text: string): ContainerdVersion {
  const parsed = parseContainerdVersion(text);
  assert.ok(parsed);
  return parsed;
}

test("nothing is found where all is well, nor where nothing could be looked at", async () => {
  for (const release of RELEASES) {
    assert.deepEqual(await codes(release, {}), [], release);
    const view = await viewOf(goodFiles(release), release);
    assert.deepEqual(checkProcess(view), []);
    const { pid, socket, restart } = goodProcess(release);
    assert.deepEqual(checkProcess({ ...view, process: { pid, socket, restart, configTimes: [] } }), []);
  }
});

test("config-newer-than-daemon: a warning, and an error where CRI shows another config_path", async () => {
  const later = [
    { path: CONFIG, modifiedMs: STARTED - 5_000 },
    { path: "/etc/containerd/conf.d/a.toml", modifiedMs: STARTED + 3_600_000 },
  ];
  for (const release of ["2.1.9", "2.2.7", "2.3.4"]) {
    const [found] = await findings(release, { configTimes: later });
    assert.equal(found?.code, "config-newer-than-daemon", release);
    assert.equal(found?.severity, "warning");
    assert.match(found?.fact ?? "", /since 2026-11-20 08:00:00Z.*conf\.d\/a\.toml at 2026-11-20 09:00:00Z/);
    assert.doesNotMatch(found?.fact ?? "", /config\.toml at/, "only what was changed");
  }
  for (const release of ["1.6.20", "1.7.24"]) {
    assert.deepEqual(await codes(release, { configTimes: later }), [], "CRI shows that it is in force");
    const health = { reachable: true, criReady: true, failedPlugins: [], criConfigPath: "" };
    const [found] = await findings(release, { configTimes: later, health });
    assert.equal(found?.severity, "error");
    assert.match(
      found?.consequence ?? "",
      /^until it is restarted, every pull of gcr\.io goes straight to https:\/\/gcr\.io; after it, pulls of gcr\.io ask https:\/\/mirror\.example:5000/,
    );
  }
});

test("config-newer-than-daemon: what a wrapper writes before it becomes containerd was read", async () => {
  const at = (ms: number) => ({ configTimes: [{ path: CONFIG, modifiedMs: STARTED + ms }] });
  assert.deepEqual(await codes("2.1.9", { ...at(300), listeningMs: STARTED + 2_000 }), []);
  assert.deepEqual(await codes("2.1.9", { ...at(3_000), listeningMs: STARTED + 2_000 }), [
    "config-newer-than-daemon",
  ]);
  // The socket was touched hours later, which says nothing of when it was made.
  assert.deepEqual(await codes("2.1.9", { ...at(3_600_000), listeningMs: STARTED + 7_200_000 }), [
    "config-newer-than-daemon",
  ]);
});

test("config-not-read: what was configured is an error, a leftover that would say something else a warning", async () => {
  const release = "1.7.24";
  const path = "/etc/containerd/other.toml";
  const read = (text: string) => readRegistryConfig({ path, text }, [], version(release));
  const other = goodConfig(release, "/somewhere/else");
  const [leftover] = await findings(release, { unreadConfig: { path, config: read(other), chosen: false } });
  assert.equal(leftover?.code, "config-not-read");
  assert.equal(leftover?.severity, "warning");
  const [chosen] = await findings(release, { unreadConfig: { path, config: read(other), chosen: true } });
  assert.equal(chosen?.severity, "error");
  assert.match(chosen?.fix ?? "", /containerd\.config = "\/etc\/containerd\/config\.toml"/);
  for (const text of [goodConfig(release), "version = 2\n"])
    assert.deepEqual(await codes(release, { unreadConfig: { path, config: read(text), chosen: false } }), []);
});

test("version-not-running: by what the next restart changes", async () => {
  const list = `${CERTS_D}:/etc/docker/certs.d`;
  const files = { ...goodFiles("1.7.24"), [CONFIG]: goodConfig("1.7.24", list) };
  const good = goodProcess("1.7.24");
  const health = { ...good.health, reachable: true, criReady: true, failedPlugins: [], criConfigPath: list };
  const process = {
    ...good,
    health,
    installed: version("2.1.9"),
    dump: { ok: true, configPath: list, mirrors: [] } as const,
  };
  const [found] = await findings("1.7.24", process, files);
  assert.equal(found?.code, "version-not-running");
  assert.equal(found?.severity, "warning");
  assert.match(
    found?.consequence ?? "",
    /^now pulls of gcr\.io ask https:\/\/mirror\.example:5000, .*; after the next restart every pull of gcr\.io goes straight/,
  );
  const [mild] = await findings("1.7.24", { installed: version("1.7.27") });
  assert.equal(mild?.severity, "info");
  assert.deepEqual(await codes("1.7.24", { installed: version("1.7.24~ds1") }), []);
});

test("config-read-otherwise: where the installed binary reads something else, its blind spot excepted", async () => {
  for (const release of RELEASES) {
    const [found] = await findings(release, { dump: { ok: true, configPath: "/other", mirrors: [] } });
    assert.equal(found?.code, "config-read-otherwise", release);
    assert.match(found?.fact ?? "", /config_path is "\/other" for containerd/);
    const [refused] = await findings(release, {
      dump: { ok: false, message: `invalid: registry password = "hunter2"` },
    });
    assert.equal(refused?.severity, "error");
    assert.doesNotMatch(refused?.fact ?? "", /hunter2/);
  }
  const bare = { [CONFIG]: "version = 3\n" };
  assert.deepEqual(await codes("2.3.4", { dump: { ok: true, configPath: "", mirrors: [] } }, bare), []);
  assert.deepEqual(await codes("2.1.9", { dump: { ok: true, configPath: "", mirrors: [] } }, bare), []);
  const broken = { [CONFIG]: "version = 3\n[[[\n" };
  assert.deepEqual(await codes("2.1.9", { dump: { ok: false, message: "no" } }, broken), []);
});

test("files-seen-otherwise and files-unreadable name the files", async () => {
  const [mounts] = await findings("2.1.9", { seenOtherwise: [GCR] });
  assert.equal(mounts?.code, "files-seen-otherwise");
  assert.match(mounts?.fact ?? "", /gcr\.io\/hosts\.toml/);
  const [access] = await findings("2.1.9", { unreadable: [GCR, CONFIG], uid: 1000 });
  assert.equal(access?.code, "files-unreadable");
  assert.match(access?.fact ?? "", /user 1000.*1 more/);
  assert.deepEqual(await codes("2.1.9", { seenOtherwise: [], unreadable: [] }), []);
});

test("cri-not-answering: containerd's own words, unless the files say it already", async () => {
  const health = {
    reachable: true,
    criReady: false,
    failedPlugins: [{ id: "io.containerd.cri.v1.images", message: "no such snapshotter" }],
  };
  const [found] = await findings("2.1.9", { health });
  assert.equal(found?.code, "cri-not-answering");
  assert.match(found?.fact ?? "", /io\.containerd\.cri\.v1\.images did not load: no such snapshotter/);
  const both = `${goodConfig("2.1.9")}[plugins."io.containerd.cri.v1.images".registry.mirrors."a.io"]\n  endpoint = ["https://m"]\n`;
  const conflict = await findings(
    "2.1.9",
    { health, dump: { ok: true, configPath: CERTS_D, mirrors: ["a.io"] } },
    { [CONFIG]: both },
  );
  assert.deepEqual(
    conflict.map(({ code }) => code),
    [],
    "the conflict is a finding about config.toml",
  );
  const silent = { reachable: false, criReady: false, failedPlugins: [], message: "deadline" };
  assert.deepEqual(await codes("2.1.9", { health: silent }), ["cri-not-answering"]);
});

test("daemon-not-running: only where it is known that nobody is there", async () => {
  const view = await viewOf(goodFiles("2.1.9"), "2.1.9");
  const notRunning = { socket: "/run/containerd/containerd.sock", restart: "systemctl restart containerd" };
  assert.deepEqual(
    checkProcess({ ...view, notRunning }).map(({ code }) => code),
    ["daemon-not-running"],
  );
});

test("unit-not-in-force: an edit that is not in the process, without its login", async () => {
  const unit = {
    name: "containerd.service",
    needsReload: true,
    environment: { HTTPS_PROXY: "http://me:pw@p:1" },
  };
  const [found] = await findings("2.1.9", { unit });
  assert.equal(found?.severity, "warning");
  assert.match(found?.fact ?? "", /HTTPS_PROXY is not set for the process, http:\/\/p:1 for the unit/);
  assert.match(found?.fix ?? "", /^systemctl daemon-reload && /);
  assert.doesNotMatch(JSON.stringify(found), /pw/);
  const [mild] = await findings("2.1.9", { unit: { ...unit, environment: {} } });
  assert.equal(mild?.severity, "info");
  const environment = { HTTPS_PROXY: "http://me:pw@p:1" };
  assert.deepEqual(await codes("2.1.9", { unit: { ...unit, needsReload: false }, environment }), []);
});

test("docker-without-mirrors: only where Docker Hub has a mirror that Docker has not", async () => {
  const files = {
    ...goodFiles("2.1.9"),
    [`${CERTS_D}/docker.io/hosts.toml`]: hosts("https://mirror.example:5000"),
  };
  const docker = { socket: "/run/docker.sock", hasMirrors: false };
  const [found] = await findings("2.1.9", { docker }, files);
  assert.equal(found?.code, "docker-without-mirrors");
  assert.equal(found?.severity, "info");
  assert.deepEqual(await codes("2.1.9", { docker: { ...docker, hasMirrors: true } }, files), []);
  assert.deepEqual(await codes("2.1.9", { docker }), []);
});
