import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { test } from "node:test";

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}

const manifest = JSON.parse(readFileSync("package.json", "utf8")) as {
  dependencies: Readonly<Record<string, string>>;
};
const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as {
  packages: Readonly<Record<string, Locked>>;
};
const packages = Object.entries(lock.packages).filter(([path]) => path !== "");
const shipped = packages.filter(([, { dev }]) => dev !== true);

/** Licences under which the package may carry it without more than its notice. */
const ALLOWED = new Set([
  "MIT",
  "ISC",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "0BSD",
  "BlueOak-1.0.0",
]);

/** Its script looks for the version of its user and prints a warning; it is not run either. */
const PRINTS_ONLY = new Set(["node_modules/protobufjs"]);

test("every dependency is locked with its digest", () => {
  assert.ok(packages.length > 50);
  assert.deepEqual(
    packages.filter(([, { integrity }]) => !/^sha512-/.test(integrity ?? "")),
    [],
  );
});

test("nothing that ships runs a script when it is installed, or is under another licence", () => {
  assert.ok(shipped.length >= Object.keys(manifest.dependencies).length);
  const scripted = shipped.filter(([, { hasInstallScript }]) => hasInstallScript === true);
  assert.deepEqual(
    scripted.map(([path]) => path).filter((path) => !PRINTS_ONLY.has(path)),
    [],
  );
  assert.match(readFileSync("scripts/lib/setup.sh", "utf8"), /npm ci[^\n]*--ignore-scripts/);
  assert.deepEqual(
    shipped
      .filter(([, { license }]) => !ALLOWED.has(license ?? ""))
      .map(([path, { license }]) => [path, license]),
    [],
  );
});

test("the program imports its dependencies and Node's own modules, and nothing else", () => {
  const allowed = new Set(Object.keys(manifest.dependencies));
  const imported = readdirSync("src", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) => {
      const text = readFileSync(`src/${name}`, "utf8");
      const found = text.matchAll(
        /^(?:import|export)\b[^;"]*?\bfrom "([^"]+)"|^import "([^"]+)"|\b(?:import|require)\("([^"]+)"\)/gm,
      );
      return [...found].map(([, from, bare, lazy]) => from ?? bare ?? lazy ?? "");
    })
    // Not the text of a program that is written.
    .filter((module) => !module.startsWith(".") && !module.includes("$"));
  const foreign = imported.filter((module) => !isBuiltin(module) && !allowed.has(packageOf(module)));
  assert.deepEqual([...new Set(foreign)], []);
  assert.ok(imported.includes("yaml"));
  const dangerous = ["node:vm", "node:inspector", "node:repl", "node:cluster", "vm", "inspector"];
  assert.deepEqual(
    imported.filter((module) => dangerous.includes(module)),
    [],
  );
});

test("no published advisory is about what ships", { timeout: 60_000 }, async (t) => {
  const { stdout, failure } = await audit();
  const report = parse(stdout);
  const total = report?.metadata?.vulnerabilities;
  if (total === undefined) {
    t.skip(`npm audit gives no answer here: ${failure}`);
    return;
  }
  assert.deepEqual(Object.keys(report?.vulnerabilities ?? {}), []);
});

interface AuditReport {
  readonly vulnerabilities?: object;
  readonly metadata?: { readonly vulnerabilities?: object };
}

function audit(): Promise<{ stdout: string; failure: string }> {
  const args = ["audit", "--omit=dev", "--json", "--fetch-retries=0", "--fetch-timeout=20000"];
  return new Promise((resolve) =>
    execFile("npm", args, { timeout: 40_000 }, (error, stdout, stderr) =>
      resolve({ stdout, failure: stderr.split("\n")[0] || (error?.message ?? "") }),
    ),
  );
}

function parse(text: string): AuditReport | undefined {
  try {
    return JSON.parse(text) as AuditReport;
  } catch {
    return undefined;
  }
}

function packageOf(module: string): string {
  return module.split("/", module.startsWith("@") ? 2 : 1).join("/");
}
