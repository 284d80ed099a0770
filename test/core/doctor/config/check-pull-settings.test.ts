import assert from "node:assert/strict";
import { test } from "node:test";
import { CERTS_D, CONFIG, goodConfig, RELEASES } from "../../../support/doctored-node.ts";
import { config, cri, findingsOfConfig, GCR, MIRROR, told } from "./support/told.ts";

const LIST = `${CERTS_D}:/etc/docker/certs.d`;

/** With a key of CRI's `containerd` table on 1.x, of the images table on 2.x. */
function withStorage(release: string, line: string, configPath = CERTS_D): string {
  const table = release.startsWith("1.") ? `${cri(release)}.containerd]` : `${cri(release)}]`;
  return `${goodConfig(release, configPath)}${table}\n${line}\n`;
}

test("progress-timeout-off: every pull through the transfer service hangs", async () => {
  for (const release of RELEASES) {
    const text = `${goodConfig(release)}${cri(release)}]\nimage_pull_progress_timeout = "0s"\n`;
    const isTransfer = !release.startsWith("1.");
    const expected = isTransfer ? ["error progress-timeout-off config.toml:5"] : [];
    assert.deepEqual(await told(text, release), expected, release);
    if (isTransfer)
      assert.deepEqual(await told(`${text}use_local_image_pull = true\n`, release), [], release);
  }
});

test("progress-timeout-short: dead mirrors take longer to be given up", async () => {
  const hosts = (dial: string) => `[host."https://a.example"]\n${dial}[host."https://b.example"]\n${dial}`;
  const text = (release: string, timeout: string) =>
    `${goodConfig(release)}${cri(release)}]\nimage_pull_progress_timeout = "${timeout}"\n${release.startsWith("1.") ? "" : "use_local_image_pull = true\n"}`;
  const files = (release: string, timeout: string, dial = "") => ({
    [CONFIG]: text(release, timeout),
    [GCR]: hosts(dial),
  });
  for (const release of ["1.7.24", "2.1.9", "2.3.4"]) {
    const [found, ...more] = await findingsOfConfig(files(release, "1m"), release);
    assert.deepEqual(
      [found?.code, found?.severity, more],
      ["progress-timeout-short", "warning", []],
      release,
    );
    assert.match(found?.fact ?? "", /hosts before the last one of gcr\.io take 60 s/);
    assert.deepEqual(await told(files(release, "61s"), release), [], release);
  }
  assert.deepEqual(await told(files("2.1.9", "1m", 'dial_timeout = "1s"\n'), "2.1.9"), []);
  assert.deepEqual(await told(files("1.6.20", "1m"), "1.6.20"), [], "no such timeout");
  const transfer = files("2.1.9", "1m")[CONFIG]?.replace("use_local_image_pull = true\n", "") ?? "";
  assert.deepEqual(
    await told({ [CONFIG]: transfer, [GCR]: hosts("") }, "2.1.9"),
    [],
    "transfer counts bytes only",
  );
  const byDefault = { [CONFIG]: goodConfig("1.7.5"), [GCR]: hosts("") };
  assert.deepEqual(await told(byDefault, "1.7.5"), ["info progress-timeout-short config.toml:1"]);
  assert.deepEqual(await told(byDefault, "1.7.24"), []);
});

test("unpacked-layers-discarded: with a mirror that serves what containerd keeps", async () => {
  const spegel = `[host."http://127.0.0.1:30020"]\n  capabilities = ["pull", "resolve"]\n`;
  for (const release of RELEASES) {
    const text = withStorage(release, "discard_unpacked_layers = true");
    const files = (hosts: string) => ({ [CONFIG]: text, [`${CERTS_D}/_default/hosts.toml`]: hosts });
    const expected = ["warning unpacked-layers-discarded config.toml:5"];
    assert.deepEqual(await told(files(spegel), release), expected, release);
    assert.deepEqual(await told(files(spegel.replace("30020", "5000")), release), [], "a cache of its own");
    const kept = { ...files(spegel), [CONFIG]: text.replace("= true", "= false") };
    assert.deepEqual(await told(kept, release), [], release);
  }
  const eks = withStorage("2.1.9", "discard_unpacked_layers = true", LIST);
  const findings = await findingsOfConfig(
    { [CONFIG]: eks, [`${CERTS_D}/_default/hosts.toml`]: spegel },
    "2.1.9",
  );
  const [discarded] = findings.filter(({ code }) => code === "unpacked-layers-discarded");
  assert.match(discarded?.fix ?? "", /^first set config_path to one single directory/);
});

test("snapshotter-pulls: lazy snapshotters beside a mirror", async () => {
  for (const release of RELEASES) {
    const files = (name: string) => ({
      [CONFIG]: withStorage(release, `snapshotter = "${name}"`),
      [GCR]: MIRROR,
    });
    for (const name of ["stargz", "soci", "nydus"])
      assert.deepEqual(
        await told(files(name), release),
        ["warning snapshotter-pulls config.toml:5"],
        release,
      );
    for (const name of ["overlayfs", "native"])
      assert.deepEqual(await told(files(name), release), [], release);
    assert.deepEqual(await told(files("stargz")[CONFIG] ?? "", release), [], "no mirror to pass by");
    const k3s = `${files("stargz")[CONFIG]}[plugins."io.containerd.snapshotter.v1.stargz".registry.mirrors."gcr.io"]\nendpoint = ["https://mirror.example"]\n`;
    assert.deepEqual(await told({ [CONFIG]: k3s, [GCR]: MIRROR }, release), [], "it has mirrors of its own");
  }
});

const CLOSED = 'server = "https://mirror.example"\n[host]\n';

test("sandbox-image-unmirrored: where all mirrors exclude their upstreams", async () => {
  for (const release of RELEASES) {
    const files = (hosts: string, more: Readonly<Record<string, string>> = {}) => ({
      [CONFIG]: goodConfig(release),
      [GCR]: hosts,
      [`${CERTS_D}/docker.io/hosts.toml`]: hosts,
      ...more,
    });
    const [found, ...rest] = await findingsOfConfig(files(CLOSED), release);
    assert.deepEqual(
      [found?.code, found?.severity, rest],
      ["sandbox-image-unmirrored", "warning", []],
      release,
    );
    assert.match(found?.consequence ?? "", /every pull of registry\.k8s\.io goes straight to/);
    assert.deepEqual(await told(files(MIRROR), release), [], "most nodes are like this");
    const covered = files(CLOSED, { [`${CERTS_D}/registry.k8s.io/hosts.toml`]: CLOSED });
    assert.deepEqual(await told(covered, release), [], release);
    assert.deepEqual(await told(files(CLOSED, { [`${CERTS_D}/_default/hosts.toml`]: CLOSED }), release), []);
  }
  const eks = {
    [CONFIG]: `${goodConfig("1.7.24")}${cri("1.7.24")}]\nsandbox_image = "localhost/kubernetes/pause"\n`,
    [GCR]: CLOSED,
  };
  assert.deepEqual(await told(eks, "1.7.24"), [], "an image that is on the node");
});

test("sandbox-image-ignored: the key of the other generation", async () => {
  const image = "mirror.example/pause:3.9";
  for (const release of RELEASES) {
    const old = config(release, `${cri(release)}]\nsandbox_image = "${image}"\n`);
    const pinned = config(release, `${cri(release)}.pinned_images]\nsandbox = "${image}"\n`);
    const [wrong, right] = release.startsWith("1.") ? [pinned, old] : [old, pinned];
    const [found, ...more] = await findingsOfConfig({ [CONFIG]: wrong }, release);
    assert.deepEqual([found?.code, found?.severity, more], ["sandbox-image-ignored", "warning", []], release);
    assert.match(
      found?.consequence ?? "",
      /every pod needs registry\.k8s\.io\/pause:.*, and every pull of registry/,
    );
    assert.deepEqual(await told(right, release), [], release);
  }
  const migrated = `version = 2\n[plugins."io.containerd.grpc.v1.cri"]\nsandbox_image = "${image}"\n`;
  for (const release of ["2.1.9", "2.3.4"]) assert.deepEqual(await told(migrated, release), [], release);
});
