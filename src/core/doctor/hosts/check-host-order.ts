import { describeFate } from "../fate.ts";
import { atPath, type Finding } from "../finding.ts";
import type { HostsContext } from "./hosts-context.ts";
import { showWritten } from "./meant-url.ts";
import { listReadFiles, placeOfEntry, type ReadFile } from "./read-hosts-files.ts";

/** Hosts that are not tried once, in the order of the file. */
export function checkHostOrder(context: HostsContext): readonly Finding[] {
  const { text } = context.view.version;
  return listReadFiles(context).flatMap((file) => [...checkRandom(file, text), ...checkTwice(file, text)]);
}

function checkRandom(file: ReadFile, version: string): readonly Finding[] {
  const { unordered, entries } = file.parsed;
  if (unordered.length < 2) return [];
  const first = entries.find(({ written }) => unordered.includes(written));
  return [
    {
      code: "host-order-random",
      severity: file.isMissed ? "error" : "warning",
      where: first === undefined ? atPath(file.file) : placeOfEntry(file, first),
      fact: `containerd ${version} tries ${unordered.map(showWritten).join(", ")} in an order that changes from pull to pull, for they stand in one line`,
      consequence: `${describeFate(file.fate)}, or in another order`,
      fix: 'write each host under a header of its own, [host."https://…"], in the order of trial',
    },
  ];
}

function checkTwice(file: ReadFile, version: string): readonly Finding[] {
  const hosts = file.parsed.entries.filter(({ isRoot }) => !isRoot).map(({ written }) => written);
  const twice = [...new Set(hosts.filter((name, index) => hosts.indexOf(name) !== index))];
  return twice.map((name) => ({
    code: "host-listed-twice",
    severity: file.isMissed ? "error" : "warning",
    where: placeOfEntry(file, file.parsed.entries.find(({ written }) => written === name) ?? EMPTY),
    fact: `containerd ${version} lists ${showWritten(name)} twice, for headers of another host stand between its own`,
    consequence: `each request that ${showWritten(name)} does not serve is made to it twice; ${describeFate(file.fate)}`,
    fix: `put [host."${showWritten(name)}".header] right below [host."${showWritten(name)}"]`,
  }));
}

const EMPTY = {
  written: "",
  scheme: "",
  host: "",
  path: "",
  capabilities: [],
  httpsFirst: false,
  isRoot: false,
};
