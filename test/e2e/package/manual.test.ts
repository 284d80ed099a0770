import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { renderManPages } from "../../../scripts/lib/package/render-man-pages.ts";
import { describeProgram } from "../../../src/cli/program.ts";
import { environmentName, settingKeys } from "../../../src/core/agent-config/settings.ts";
import { NATIVE_KEYS } from "../../../src/core/desired-state/parse-native.ts";
import { FILE_KEYS } from "../../../src/core/desired-state/read-mirror-entry.ts";
import { leaseDirectory } from "../../support/leased-directory.ts";

const pages = renderManPages({ epoch: 1_700_000_000 });

test("every command that works on a node or a desired state has a page, with every option it takes", () => {
  const { commands, options: global } = describeProgram();
  const documented = commands.filter(({ name }) => !["completion", "version", "help"].includes(name));
  assert.ok(documented.length >= 9);
  for (const { name, options, description } of documented) {
    const page = pages.get(`mirrorlet-${name}.8`);
    assert.ok(page !== undefined, name);
    assert.ok(page.includes(`.Nd ${description}`), name);
    for (const { flags } of [...options, ...global])
      for (const flag of flags)
        assert.match(page, new RegExp(`^\\.It .*Fl ${flag.slice(1)}( |$)`, "m"), `${name} ${flag}`);
    assert.match(pages.get("mirrorlet.8") ?? "", new RegExp(`^\\.It Ic ${name}( |$)`, "m"));
  }
});

test("every key of agent.toml is in its page, with its variable", () => {
  const page = pages.get("mirrorlet-agent.toml.5") ?? "";
  for (const key of settingKeys) {
    assert.ok(page.includes(`.It Ic ${key}\n`), key);
    assert.ok(page.includes(`.Ev ${environmentName(key)} .\n`), key);
  }
});

test("every key of the native form is in its page", () => {
  const page = pages.get("mirrorlet-desired-state.5") ?? "";
  const keys = [...NATIVE_KEYS, ...FILE_KEYS].filter((key) => !["apiVersion", "kind"].includes(key));
  for (const key of keys) assert.match(page, new RegExp(`^\\.(It )?Ic (.* Ic )?${key}( |$)`, "m"), key);
});

const CHECKERS = [
  { name: "mandoc", args: ["-Tlint", "-Wwarning"] },
  { name: "man", args: ["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"] },
];

for (const { name, args } of CHECKERS) {
  const missing = spawnSync(name, ["-h"]).error !== undefined;
  test(`${name} finds nothing in them`, {
    skip: missing ? `${name} is not installed` : false,
  }, async (context) => {
    const lease = await leaseDirectory("manual");
    context.after(() => lease.release());
    for (const [file, text] of pages) {
      const path = join(lease.path, file);
      writeFileSync(path, text);
      const { stdout, stderr } = spawnSync(name, [...args, path], { encoding: "utf8" });
      const said = `${name === "mandoc" ? stdout : ""}${stderr}`;
      assert.equal(said, "", file);
    }
  });
}
