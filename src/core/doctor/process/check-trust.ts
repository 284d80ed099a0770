import { formatMoment } from "../../evidence/format-age.ts";
import type { Finding } from "../finding.ts";
import { inUnit } from "./check-proxies.ts";
import { readByMs } from "./check-staleness.ts";
import type { AskedMirror } from "./list-mirrors.ts";
import type { ProcessView } from "./process-view.ts";

/** Certificates that containerd was told to trust, and does not. Go reads the system's once, at the first TLS connection. */
export function checkTrust(process: ProcessView, mirrors: readonly AskedMirror[]): readonly Finding[] {
  const dependent = mirrors.filter(({ url, entry }) => {
    const hasOwn = entry.ca !== undefined && entry.ca.length > 0;
    return url.protocol === "https:" && !hasOwn && entry.skipVerify !== true;
  });
  return [...checkVariables(process, dependent), ...checkAge(process, dependent)];
}

function checkVariables(process: ProcessView, dependent: readonly AskedMirror[]): readonly Finding[] {
  const { missing = [], hasRoots } = process.trust ?? {};
  return missing.map(({ variable, path }): Finding => {
    const [mirror] = dependent;
    return {
      code: "ca-variable-dangling",
      severity: hasRoots ? "warning" : "error",
      where: { kind: "process", pid: process.pid, what: "environment" },
      fact: `${variable} of containerd names ${path}, which is not there`,
      consequence: hasRoots
        ? `certificates that were meant to come from there are not trusted${mirror === undefined ? "" : `: ${mirror.url.origin} fails TLS if it needs them, and pulls go on to the next host`}`
        : "containerd trusts no certificate at all: every host without a ca of its own fails TLS, and with them the pulls",
      fix: inUnit(process, `put the file back, or correct ${variable}`),
    };
  });
}

function checkAge(process: ProcessView, dependent: readonly AskedMirror[]): readonly Finding[] {
  const anchor = process.trust?.newestAnchor;
  const readMs = readByMs(process);
  const [mirror] = dependent;
  if (anchor === undefined || readMs === undefined || mirror === undefined) return [];
  if (anchor.changedMs <= readMs) return [];
  return [
    {
      code: "ca-newer-than-daemon",
      severity: "warning",
      where: { kind: "file", at: { file: anchor.path, line: 1, column: 1 } },
      fact: `${anchor.path} was added at ${formatMoment(anchor.changedMs)}; containerd (pid ${process.pid}) has been running since ${formatMoment(process.startedMs ?? readMs)} and reads the system's certificates once`,
      consequence: `${mirror.url.origin}, which has no ca in its hosts.toml, fails with "certificate signed by unknown authority" if it needs that certificate, and pulls go on to the next host`,
      fix: `${process.restart}, or name the certificate with ca = in the [host] table, which takes no restart`,
    },
  ];
}
