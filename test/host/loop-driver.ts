// A process of its own for slow system calls: changes many files below argv[2] as argv[3] says, and tells in how many
// different states something else that lives on the same loop has seen them.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createFiles } from "../../src/host/files.ts";

const COUNT = 16;
const [root, what] = process.argv.slice(2) as [string, string];
const names = Array.from({ length: COUNT }, (_, index) => `registry-${index}.example`);
const file = (name: string) => ({
  path: `/certs.d/${name}/hosts.toml`,
  bytes: Buffer.from("new"),
  mode: 0o644,
  secret: false,
});

const certs = join(root, "certs.d");
mkdirSync(certs);
if (what !== "create-directories")
  for (const name of names) {
    mkdirSync(join(certs, name));
    writeFileSync(join(certs, name, "hosts.toml"), "old");
  }

function contentOf(name: string): string {
  try {
    return readFileSync(join(certs, name, "hosts.toml"), "utf8");
  } catch {
    return "";
  }
}

const seen = new Set<string>();
const looking = setInterval(
  () => seen.add(`${readdirSync(certs).length} ${names.map(contentOf).join(",")}`),
  1,
);
const files = createFiles({ root, confined: ["/certs.d"] });
const directories = names.map((name) => `/certs.d/${name}`);
if (what === "write") await files.write(names.map(file));
else if (what === "remove") await files.remove(names.map((name) => file(name).path));
else if (what === "remove-directories") await files.removeDirectories(directories);
else await files.createDirectories(names.map((name) => ({ path: `/certs.d/${name}`, files: [file(name)] })));
clearInterval(looking);
process.stdout.write(JSON.stringify({ count: COUNT, seen: seen.size }));
