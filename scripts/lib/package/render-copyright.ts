import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The copyright file: our licence, and word for word those of all that is bundled, the runtime's own bundle included. */
export function renderCopyright(runtime: string, packages: readonly string[]): string {
  const parts = [
    "mirrorlet is free software under the Apache License, Version 2.0, which Debian systems have in\n/usr/share/common-licenses/Apache-2.0.\n",
    "Copyright: the mirrorlet maintainers\nLicense: Apache-2.0\n",
    "The program is bundled with the npm packages named below, and comes with the Node.js runtime.\n",
    ...packages.map(describePackage),
    titled("Node.js (/usr/lib/mirrorlet/node)", readFileSync(join(runtime, "LICENSE"), "utf8")),
  ];
  return parts.join("\n");
}

function describePackage(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    name: string;
    version: string;
    license: string;
  };
  const file = readdirSync(folder).find((one) => /^(licen[cs]e|copying)/i.test(one));
  const text = file === undefined ? "" : readFileSync(join(folder, file), "utf8");
  // The whole Apache licence is on every Debian system.
  const isApache = license === "Apache-2.0";
  return titled(
    `${name} ${version}`,
    isApache || text === ""
      ? `License: ${license}${isApache ? ", see /usr/share/common-licenses/Apache-2.0" : ""}`
      : text,
  );
}

function titled(title: string, text: string): string {
  return `${title}\n${"-".repeat(title.length)}\n${text.trim()}\n`;
}
