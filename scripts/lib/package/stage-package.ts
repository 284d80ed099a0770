import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { renderCompletion } from "../../../src/cli/completion.ts";
import { describeProgram } from "../../../src/cli/program.ts";
import { bundleProgram } from "./bundle-program.ts";
import { renderChangelog } from "./render-changelog.ts";
import { renderCopyright } from "./render-copyright.ts";
import { renderDefaultConfig } from "./render-default-config.ts";
import { renderManPages } from "./render-man-pages.ts";

export interface PackageInput {
  readonly version: string;
  /** Folder with bin/node and LICENSE. */
  readonly runtime: string;
  /** Seconds; the time of every file in the package. */
  readonly epoch: number;
}

/** Lays out in `stage`, an empty folder, all that `dpkg-deb --build` makes a package of. */
export async function stagePackage(stage: string, input: PackageInput): Promise<void> {
  chmodSync(stage, 0o755);
  const put = putInto(stage);
  const packages = await putProgram(stage, put, input);
  putUnits(put);
  putConfiguration(stage, put);
  putShellCompletions(put);
  putDocumentation(put, input, packages);
  putControl(stage, put, input);
  setTimes(stage, input.epoch);
}

type Put = (path: string, content: string | Uint8Array, mode?: number) => void;

function putInto(stage: string): Put {
  return (path, content, mode = 0o644) => {
    const to = join(stage, path);
    mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
    writeFileSync(to, content);
    chmodSync(to, mode);
  };
}

async function putProgram(stage: string, put: Put, { version, runtime }: PackageInput) {
  const directory = join(stage, "usr/lib/mirrorlet");
  const packages = await bundleProgram(directory, version);
  // They are run by the wrapper and the units, and not by whatever `node` is on PATH.
  for (const name of readdirSync(directory).filter((one) => one.endsWith(".js"))) {
    const path = join(directory, name);
    writeFileSync(path, readFileSync(path, "utf8").replace(/^#!.*\n/, ""));
  }
  for (const name of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    const path = join(directory, name);
    chmodSync(path, statSync(path).isDirectory() ? 0o755 : 0o644);
  }
  put(
    "usr/lib/mirrorlet/package.json",
    `${JSON.stringify({ name: "mirrorlet", version, type: "module" })}\n`,
  );
  put("usr/lib/mirrorlet/node", readFileSync(join(runtime, "bin/node")), 0o755);
  execFileSync("strip", [join(directory, "node")]);
  put("usr/bin/mirrorlet", readFileSync("packaging/mirrorlet.sh"), 0o755);
  return packages;
}

function putUnits(put: Put): void {
  for (const name of readdirSync("systemd").sort()) {
    const to = name.endsWith(".conf") ? "usr/lib/mirrorlet" : "lib/systemd/system";
    put(`${to}/${name}`, readFileSync(join("systemd", name)));
  }
  put("usr/lib/sysusers.d/mirrorlet.conf", readFileSync("packaging/debian/mirrorlet.sysusers"));
}

function putConfiguration(stage: string, put: Put): void {
  put("etc/mirrorlet/agent.toml", renderDefaultConfig());
  // The units name it, and systemd makes no unit writable what is not there.
  mkdirSync(join(stage, "etc/containerd"), { mode: 0o755 });
}

function putShellCompletions(put: Put): void {
  const program = describeProgram();
  put("usr/share/bash-completion/completions/mirrorlet", renderCompletion("bash", program));
  put("usr/share/zsh/vendor-completions/_mirrorlet", renderCompletion("zsh", program));
  put("usr/share/fish/vendor_completions.d/mirrorlet.fish", renderCompletion("fish", program));
}

function putDocumentation(put: Put, input: PackageInput, packages: readonly string[]): void {
  const doc = "usr/share/doc/mirrorlet";
  for (const [name, text] of renderManPages(input))
    put(`usr/share/man/man${name.at(-1)}/${name}.gz`, pack(text));
  putTree(put, "docs", doc);
  putTree(put, "monitoring", "usr/share/mirrorlet");
  put(`${doc}/README.md`, readFileSync("README.md"));
  put(
    `${doc}/changelog.gz`,
    pack(renderChangelog(readFileSync("CHANGELOG.md", "utf8"), { ...input, maintainer })),
  );
  put(`${doc}/copyright`, renderCopyright(input.runtime, packages));
  put("usr/share/lintian/overrides/mirrorlet", readFileSync("packaging/debian/lintian-overrides"));
}

function putTree(put: Put, from: string, to: string): void {
  for (const name of readdirSync(from, { recursive: true, encoding: "utf8" }).sort()) {
    const path = join(from, name);
    if (statSync(path).isFile() && !name.endsWith(".test.yaml")) put(join(to, name), readFileSync(path));
  }
}

/** No name and no time in its header. */
function pack(text: string): Uint8Array {
  return gzipSync(text, { level: 9 });
}

const { DEBFULLNAME: name = "mirrorlet maintainers", DEBEMAIL: email = "maintainers@mirrorlet.invalid" } =
  process.env;
const maintainer = `${name} <${email}>`;

function putControl(stage: string, put: Put, { version }: PackageInput): void {
  const files = filesIn(stage);
  const sums = files.map((path) => {
    const sum = createHash("md5")
      .update(readFileSync(join(stage, path)))
      .digest("hex");
    return `${sum}  ${path}\n`;
  });
  // As dpkg-gencontrol counts: files in whole KiB, one for all else.
  const all = readdirSync(stage, { recursive: true }).length;
  const kib = files
    .map((path) => Math.ceil(statSync(join(stage, path)).size / 1024))
    .reduce((a, b) => a + b, 0);
  const values = { VERSION: version, MAINTAINER: maintainer, SIZE: String(kib + all - files.length) };
  const control = Object.entries(values).reduce(
    (text, [key, value]) => text.replaceAll(`@${key}@`, value),
    readFileSync("packaging/debian/control", "utf8"),
  );
  put("DEBIAN/control", control);
  put("DEBIAN/md5sums", sums.filter((line) => !/ {2}etc\//.test(line)).join(""));
  put("DEBIAN/conffiles", "/etc/mirrorlet/agent.toml\n");
  for (const script of ["preinst", "postinst", "prerm", "postrm"])
    put(`DEBIAN/${script}`, readFileSync(join("packaging/debian", script)), 0o755);
}

function filesIn(stage: string): readonly string[] {
  const all = readdirSync(stage, { recursive: true, encoding: "utf8" });
  return all.filter((path) => statSync(join(stage, path)).isFile()).sort();
}

function setTimes(stage: string, epoch: number): void {
  for (const path of readdirSync(stage, { recursive: true, encoding: "utf8" }))
    lutimesSync(join(stage, path), epoch, epoch);
  lutimesSync(stage, epoch, epoch);
}
