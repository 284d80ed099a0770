import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { parseAgentConfig } from "../../../src/core/agent-config/parse-agent-config.ts";
import { builtPackage, packageSkipReason } from "../../support/built-package.ts";
import { leaseDirectory } from "../../support/leased-directory.ts";

const skip = packageSkipReason() ?? false;
let deb = "";
let root = "";

before(async () => {
  if (skip !== false) return;
  deb = await builtPackage();
  root = (await leaseDirectory("package")).path;
  execFileSync("dpkg-deb", ["--raw-extract", deb, join(root, "files")]);
  root = join(root, "files");
});

const installed = (path: string) => readFileSync(join(root, path), "utf8");

const SERVICES = [
  "mirrorlet.service",
  "mirrorlet-helper.service",
  "mirrorlet-feed.service",
  "mirrorlet-control.service",
];

test("every path belongs to root, nobody else writes it, and only programs may be run", { skip }, () => {
  const lines = execFileSync("dpkg-deb", ["--contents", deb], { encoding: "utf8" }).trim().split("\n");
  assert.ok(lines.length > 80);
  for (const line of lines) {
    const [mode = "", owner = "", , , , path = ""] = line.split(/\s+/);
    assert.equal(owner, "root/root", line);
    const isProgram = ["./usr/bin/mirrorlet", "./usr/lib/mirrorlet/node"].includes(path);
    assert.equal(mode, path.endsWith("/") ? "drwxr-xr-x" : isProgram ? "-rwxr-xr-x" : "-rw-r--r--", line);
  }
});

test("it holds what a node needs, and the only configuration file is agent.toml", { skip }, () => {
  for (const path of [
    "usr/lib/mirrorlet/main.js",
    "usr/lib/mirrorlet/witness-worker.js",
    "usr/lib/mirrorlet/rooted.conf",
    "usr/lib/sysusers.d/mirrorlet.conf",
    "usr/share/bash-completion/completions/mirrorlet",
    "usr/share/zsh/vendor-completions/_mirrorlet",
    "usr/share/fish/vendor_completions.d/mirrorlet.fish",
    "usr/share/mirrorlet/prometheus/rules.yaml",
    "usr/share/mirrorlet/grafana/mirrorlet.json",
    "usr/share/mirrorlet/node-problem-detector/registry-mirror-monitor.json",
    "usr/share/doc/mirrorlet/examples/native.yaml",
    "usr/share/man/man8/mirrorlet.8.gz",
    "etc/containerd",
  ])
    assert.ok(existsSync(join(root, path)), path);
  for (const unit of [...SERVICES, "mirrorlet-helper.socket"])
    assert.ok(existsSync(join(root, "lib/systemd/system", unit)), unit);
  assert.equal(installed("DEBIAN/conffiles"), "/etc/mirrorlet/agent.toml\n");
  assert.ok(!existsSync(join(root, "etc/mirrorlet/desired-state.yaml")));
});

test("the programs that units name are there", { skip }, () => {
  for (const unit of SERVICES) {
    const command = /^ExecStart=(.*)$/m.exec(installed(`lib/systemd/system/${unit}`))?.[1] ?? "";
    for (const path of command.split(" ").filter((word) => word.startsWith("/"))) {
      if (path.endsWith("helper.js") && !existsSync("src/helper.ts")) continue;
      assert.ok(existsSync(join(root, path)), `${unit}: ${path}`);
    }
  }
});

test("agent.toml is valid, changes nothing, and with its comments taken off says every default", {
  skip,
}, () => {
  const text = installed("etc/mirrorlet/agent.toml");
  const parse = (file: string) =>
    parseAgentConfig({ file: { name: "agent.toml", text: file }, env: {}, flags: [] });
  const shipped = parse(text);
  const uncommented = parse(text.replace(/^#(?=\w)/gm, ""));
  const defaults = parse("");
  assert.ok(shipped.ok && uncommented.ok && defaults.ok);
  assert.deepEqual(shipped.config, defaults.config);
  assert.deepEqual(uncommented.config, defaults.config);
  assert.ok(uncommented.settings.every(({ origin }) => origin.from === "file"));
});

test("the library versions it depends on are those that the runtime asks for", { skip }, () => {
  const symbols = execFileSync("objdump", ["-T", join(root, "usr/lib/mirrorlet/node")], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  const newest = (name: string) =>
    [...symbols.matchAll(new RegExp(`${name}_(\\d+(?:\\.\\d+)*)`, "g"))]
      .map(([, version = ""]) => version.split(".").map(Number))
      .sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0) || (a[1] ?? 0) - (b[1] ?? 0) || (a[2] ?? 0) - (b[2] ?? 0))
      .at(-1)
      ?.join(".");
  // CXXABI 1.3.11 came with GCC 7, GLIBCXX 3.4.21 with 5.
  assert.deepEqual([newest("GLIBC"), newest("CXXABI"), newest("GLIBCXX")], ["2.28", "1.3.11", "3.4.21"]);
  assert.match(
    installed("DEBIAN/control"),
    /^Depends: libc6 \(>= 2\.28\), libgcc-s1, libstdc\+\+6 \(>= 7\), systemd$/m,
  );
});

test("the licences of all that is bundled are in its copyright file", { skip }, () => {
  const text = installed("usr/share/doc/mirrorlet/copyright");
  for (const name of ["@grpc/grpc-js", "pino", "yaml", "commander", "chokidar", "prom-client", "Node.js"])
    assert.match(text, new RegExp(`^${name.replace("/", "\\/")}.*\\n-+\\n.{5}`, "m"), name);
});

test("maintainer scripts are sh, and use no network", { skip }, (context) => {
  const hasShellcheck = spawnSync("shellcheck", ["--version"]).status === 0;
  if (!hasShellcheck) context.diagnostic("shellcheck is not installed: syntax alone is checked");
  for (const name of ["preinst", "postinst", "prerm", "postrm"]) {
    const path = join(root, "DEBIAN", name);
    execFileSync("sh", ["-n", path]);
    assert.equal(statSync(path).mode & 0o777, 0o755);
    if (hasShellcheck) execFileSync("shellcheck", [path]);
    assert.doesNotMatch(readFileSync(path, "utf8"), /curl|wget|apt-get|npm|https?:/);
  }
});

const lintian = spawnSync("lintian", ["--version"]).status === 0;

test("lintian finds nothing", { skip: skip || (lintian ? false : "lintian is not installed") }, () => {
  const run = spawnSync("lintian", ["--allow-root", deb], { encoding: "utf8", timeout: 600_000 });
  assert.equal(run.stdout, "");
  assert.equal(run.status, 0, run.stderr);
});

test("no path of the machine that built it is in it", { skip }, () => {
  const found = spawnSync("grep", ["-rlF", "--exclude=node", process.cwd(), root], { encoding: "utf8" });
  assert.equal(found.stdout, "");
  assert.doesNotMatch(
    gunzipSync(readFileSync(join(root, "usr/share/man/man8/mirrorlet.8.gz"))).toString(),
    /@[A-Z]+@/,
  );
});
