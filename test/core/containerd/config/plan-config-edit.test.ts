import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type ConfigEditResult,
  planConfigEdit,
} from "../../../../src/core/containerd/config/plan-config-edit.ts";
import { revertConfigEdit } from "../../../../src/core/containerd/config/revert-config-edit.ts";
import type { WantedRegistries } from "../../../../src/core/containerd/config/wanted-registries.ts";
import { type ContainerdVersion, parseContainerdVersion } from "../../../../src/core/containerd/version.ts";

const path = "/etc/containerd/config.toml";
const marker = "# Owned by mirrorlet; edit the desired state instead.";
const grpc = 'plugins."io.containerd.grpc.v1.cri"';
const images = "plugins.'io.containerd.cri.v1.images'";
const certsD: WantedRegistries = { style: "certs.d", configPath: "/etc/containerd/certs.d", auths: [] };
const set = 'config_path = "/etc/containerd/certs.d"';

function versionOf(release: string): ContainerdVersion {
  const version = parseContainerdVersion(release);
  assert.ok(version);
  return version;
}

function plan(
  release: string,
  text: string | undefined,
  wanted = certsD,
  imports: readonly string[] = [],
): ConfigEditResult {
  const sources = imports.map((content, index) => ({
    path: `/etc/containerd/conf.d/${index}.toml`,
    text: content,
  }));
  return planConfigEdit({ path, text, imports: sources, version: versionOf(release), wanted });
}

function edit(release: string, text: string | undefined, wanted = certsD, imports: readonly string[] = []) {
  const result = plan(release, text, wanted, imports);
  assert.ok(result.ok, JSON.stringify(result, null, 2));
  return result;
}

function refusal(release: string, text: string, wanted = certsD, imports: readonly string[] = []): string {
  const result = plan(release, text, wanted, imports);
  assert.ok(!result.ok, JSON.stringify(result));
  const [issue] = result.issues;
  assert.equal(issue?.severity, "error");
  return `${issue.at.file}:${issue.at.line} ${issue.code}`;
}

function withAuths(...auths: WantedRegistries["auths"]): WantedRegistries {
  return { ...certsD, auths };
}

test("no file: a minimal one of the release's own version", () => {
  const minimal = (version: number, section: string) =>
    `version = ${version}\n\n[${section}.registry]\n  ${set}\n`;
  assert.equal(edit("1.6.20", undefined).text, minimal(2, grpc));
  assert.equal(edit("1.7.24", undefined).text, minimal(2, grpc));
  assert.equal(edit("2.1.9", undefined).text, minimal(3, images.replaceAll("'", '"')));
  assert.equal(edit("2.3.4", undefined).text, minimal(4, images.replaceAll("'", '"')));
  assert.deepEqual(edit("2.1.9", undefined).changes[0], `create ${path}`);
});

test("a wanted value that is there already leaves the file alone", () => {
  const text = `version = 2\n[${grpc}.registry]\n  config_path='/etc/containerd/certs.d'#x`;
  const result = edit("1.7.24", text);
  assert.deepEqual([result.text, result.changed, result.changes], [text, false, []]);
});

test("credentials: added, rotated in place, taken out again", () => {
  const base = `version = 2\n\n[${grpc}.registry]\n  ${set}\n\n[metrics]\n  address = ""\n`;
  const first = edit("1.7.24", base, withAuths({ host: "m:5000", username: "u", password: "one" }));
  assert.match(first.text, /password = "one"\n\n\[metrics\]/);
  const rotated = edit("1.7.24", first.text, withAuths({ host: "m:5000", username: "u", password: "two" }));
  assert.equal(rotated.text, first.text.replace('"one"', '"two"'));
  assert.deepEqual(rotated.changes, ['update registry.configs."m:5000".auth']);
  assert.equal(edit("1.7.24", rotated.text).text, base);
});

test("no secret is in changes, notices or issues", () => {
  const auth = { host: "m:5000", username: "u", password: "hunter2" };
  const result = edit("2.1.9", "version = 3\n", withAuths(auth));
  assert.doesNotMatch(JSON.stringify([result.changes, result.notices, result.migrated]), /hunter2/);
  const foreign = `version = 3\n[${images}.registry.configs."m:5000".auth]\nusername = "x"\npassword = "hunter3"\n`;
  assert.doesNotMatch(JSON.stringify(plan("2.1.9", foreign, withAuths(auth))), /hunter[23]/);
});

test("somebody else's credentials are kept, and not overwritten", () => {
  const text = `version = 2\n[${grpc}.registry.configs."m:5000".auth]\n  username = "theirs"\n  password = "p"\n`;
  assert.ok(edit("1.7.24", text).text.endsWith(text.slice(text.indexOf("\n") + 1)));
  assert.equal(
    refusal("1.7.24", text, withAuths({ host: "m:5000", username: "u", password: "p" })),
    `${path}:2 containerd-config-foreign-table`,
  );
  const same = edit("1.7.24", text, withAuths({ host: "m:5000", username: "theirs", password: "p" }));
  assert.doesNotMatch(same.text, /mirrorlet/);
});

test("1.x: an import that has the CRI plugin replaces our section, and is named", () => {
  const main = `version = 2\n[${grpc}]\n  sandbox_image = "x"\n`;
  assert.equal(
    refusal("1.7.24", main, certsD, ["version = 2\n", `\n[${grpc}.containerd]\n  x = 1\n`]),
    "/etc/containerd/conf.d/1.toml:2 containerd-config-import-replaces",
  );
  assert.deepEqual(edit("1.7.24", main, certsD, ["[metrics]\n"]).notices, []);
  const right = edit("1.7.24", main, certsD, [`[${grpc}.registry]\n${set}\n`]);
  assert.ok(
    right.notices.some(
      ({ code, severity }) => code === "containerd-config-import-replaces" && severity === "warning",
    ),
  );
});

test("2.x: an import that wins over our value, or that cannot stand beside it, is named", () => {
  const main = `version = 3\n[${images}]\n  snapshotter = "overlayfs"\n`;
  const head = "version = 3\n";
  const overrides = "/etc/containerd/conf.d/0.toml:3 containerd-config-import-overrides";
  assert.equal(
    refusal("2.1.9", main, certsD, [`${head}[${images}.registry]\nconfig_path = ""\n`]),
    overrides,
  );
  assert.equal(
    refusal("2.1.9", main, certsD, [`${head}\n[${images}.registry.mirrors.a]\nendpoint = []\n`]),
    overrides,
  );
  assert.deepEqual(edit("2.1.9", main, certsD, [`${head}[${images}.registry]\n${set}\n`]).notices, []);
  assert.deepEqual(edit("2.1.9", main, certsD, [`${head}[${images}]\nsnapshotter = "native"\n`]).notices, []);
});

test("2.1: beside a version 3 drop-in the edit goes where a version 2 file is still read", () => {
  const main = `version = 2\n[${grpc}.registry]\n  config_path = "/old"\n`;
  const result = edit("2.1.9", main, certsD, ["version = 3\n[metrics]\n"]);
  assert.match(
    result.text,
    /\[plugins\."io\.containerd\.cri\.v1\.images"\.registry\]\n {2}config_path = "\/etc\/containerd\/certs\.d"/,
  );
  assert.deepEqual(
    result.notices.map(({ code, at }) => [code, at.line]),
    [["containerd-config-ignored", 2]],
  );
});

test("what containerd would not start with is left alone, with the place", () => {
  assert.equal(refusal("1.7.24", "a = 1\nb = [\n"), `${path}:3 containerd-config-unreadable`);
  assert.equal(refusal("1.7.24", "version = 2\nplugins = 1\n"), `${path}:2 containerd-config-unreadable`);
  assert.equal(
    refusal("2.1.9", `version = 2\n[${grpc}.registry]\n  config_path = 1\n`),
    `${path}:3 containerd-config-unreadable`,
  );
  assert.equal(
    refusal("2.1.9", "version = 2\n", certsD, ["x = \n"]),
    "/etc/containerd/conf.d/0.toml:1 containerd-config-unreadable",
  );
  assert.equal(refusal("2.1.9", "version = 3\n[[plugins]]\n"), `${path}:2 containerd-config-unreadable`);
});

test("CRI that does not load for another reason is told before anything is written", () => {
  const text = `version = 2\n[${grpc}]\nimage_pull_progress_timeout = "soon"\n`;
  assert.equal(refusal("1.7.24", text), `${path}:3 containerd-config-cri-fails`);
  assert.equal(refusal("1.7.24", 'disabled_plugins = ["cri"]\n'), `${path}:1 containerd-config-cri-fails`);
});

test("keys that 2.x would read in another case are not edited beside", () => {
  assert.equal(
    refusal("2.1.9", `version = 2\n[${grpc}.registry]\nConfig_Path = "/a"\n`),
    `${path}:3 containerd-config-key-case`,
  );
  assert.equal(refusal("2.1.9", "Version = 2\n"), `${path}:1 containerd-config-key-case`);
});

test("config_path is one absolute directory", () => {
  for (const configPath of ["/a:/b", "a"])
    assert.equal(
      refusal("2.1.9", "version = 3\n", { ...certsD, configPath }),
      `${path}:1 containerd-config-path-list`,
    );
});

test("an IPv6 literal cannot stand in a 1.x table header", () => {
  const wanted = withAuths({ host: "[::1]:5000", username: "u", password: "p" });
  assert.equal(refusal("1.7.24", "version = 2\n", wanted), `${path}:1 containerd-config-ipv6-literal`);
  assert.match(edit("2.1.9", "version = 3\n", wanted).text, /configs\."\[::1\]:5000"\.auth\]/);
});

const legacy: WantedRegistries = {
  style: "legacy",
  mirrors: [{ namespace: "gcr.io", endpoints: ["https://m:5000/v2/x"] }],
  tls: [{ host: "m:5000", caFile: "/ca.pem" }],
  auths: [{ host: "m:5000", username: "u", password: "p" }],
};

test("legacy style: marked tables, config_path emptied", () => {
  const text = `version = 2\n[${grpc}.registry]\n  config_path = "/old"\n`;
  const result = edit("1.7.24", text, legacy);
  const registry = `${grpc}.registry`;
  const block = (name: string, ...lines: string[]) =>
    `\n${marker}\n[${registry}.${name}]\n${lines.map((line) => `  ${line}\n`).join("")}`;
  assert.equal(
    result.text.replaceAll(/^ +(?=#|\[)/gm, "").replaceAll(/^ +/gm, "  "),
    `version = 2\n[${registry}]\n  config_path = ""\n${block('mirrors."gcr.io"', 'endpoint = ["https://m:5000/v2/x"]')}${block('configs."m:5000".tls', 'ca_file = "/ca.pem"')}${block('configs."m:5000".auth', 'username = "u"', 'password = "p"')}`,
  );
  assert.equal(edit("1.7.24", result.text, legacy).changed, false);
});

test("legacy style to certs.d and back: our tables go without being migrated", () => {
  const text = `version = 2\n\n[${grpc}.registry]\n  config_path = ""\n`;
  const inLegacy = edit("1.7.24", text, legacy);
  const inCertsD = edit("1.7.24", inLegacy.text);
  assert.equal(inCertsD.text, text.replace('config_path = ""', set));
  assert.deepEqual(inCertsD.migrated, []);
  assert.equal(edit("1.7.24", inCertsD.text, legacy).text, inLegacy.text);
});

test("legacy style by release: no TLS on 2.x, an explicit empty config_path on 2.2.0", () => {
  assert.equal(refusal("2.1.9", "version = 3\n", legacy), `${path}:1 containerd-config-legacy-tls`);
  const wanted: WantedRegistries = { ...legacy, tls: [] };
  assert.match(edit("2.2.0", "version = 3\n", wanted).text, /config_path = ""/);
  assert.doesNotMatch(edit("2.2.7", "version = 3\n", wanted).text, /config_path/);
});

test("somebody else's mirrors for the same namespace are not overwritten in legacy style", () => {
  const text = `version = 2\n[${grpc}.registry.mirrors."gcr.io"]\nendpoint = ["https://theirs"]\n`;
  assert.equal(refusal("1.7.24", text, legacy), `${path}:2 containerd-config-foreign-table`);
});

test("reverting after others wrote to the file puts migrated tables back", () => {
  const original = `version = 2\n[${grpc}.registry]\n  [${grpc}.registry.mirrors."gcr.io"]\n    endpoint = ["https://a", "https://b"]\n  [${grpc}.registry.configs."a".tls]\n    insecure_skip_verify = true\n`;
  const edited = edit("1.7.24", original, withAuths({ host: "m", username: "u", password: "p" }));
  assert.doesNotMatch(edited.text, /endpoint|insecure/);
  const current = edited.text.replace("version = 2\n", "version = 2\noom_score = -1.0 # theirs\n");
  const reverted = revertConfigEdit({ path, current, original, version: versionOf("1.7.24") });
  assert.ok(reverted.ok, JSON.stringify(reverted));
  assert.match(reverted.text, /oom_score = -1\.0 # theirs\n/);
  assert.match(reverted.text, /mirrors\."gcr\.io"\]\n +endpoint = \["https:\/\/a", "https:\/\/b"\]/);
  assert.match(reverted.text, /configs\.a\.tls\]\n +insecure_skip_verify = true/);
  assert.doesNotMatch(reverted.text, /config_path|mirrorlet|password/);
});

test("reverting a file that we created leaves nothing, unless others use it now", () => {
  const created = edit("2.1.9", undefined, withAuths({ host: "m", username: "u", password: "p" })).text;
  const revert = (current: string) =>
    revertConfigEdit({ path, current, original: undefined, version: versionOf("2.1.9") });
  assert.deepEqual(revert(created), { ok: true, text: "" });
  assert.deepEqual(revert(created.replace('"p"', '"q"')), { ok: true, text: "" });
  const theirs = revert(`${created}\n[metrics]\n  address = ""\n`);
  assert.ok(theirs.ok);
  assert.match(theirs.text, /^version = 3\n+\[metrics\]\n {2}address = ""\n$/);
});
