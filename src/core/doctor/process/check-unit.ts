import type { Finding } from "../finding.ts";
import type { ProcessView } from "./process-view.ts";
import { showProxyValue } from "./proxy-facts.ts";

/** Variables that decide how mirrors are reached. */
export const DECISIVE_VARIABLES = [
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
];

/** An edit of the unit that systemd has not read, or that the process was not started with. */
export function checkUnit(process: ProcessView): readonly Finding[] {
  const { unit, environment } = process;
  if (unit === undefined || environment === undefined) return [];
  const differing = DECISIVE_VARIABLES.filter(
    (name) => unit.environment[name] !== undefined && unit.environment[name] !== environment[name],
  );
  if (differing.length === 0 && !unit.needsReload) return [];
  const reload = unit.needsReload ? "systemctl daemon-reload && " : "";
  const facts = [
    ...differing.map(
      (name) =>
        `${name} is ${show(name, environment[name])} for the process, ${show(name, unit.environment[name])} for the unit`,
    ),
    ...(unit.needsReload ? [`files of ${unit.name} were changed since systemd read them`] : []),
  ];
  return [
    {
      code: "unit-not-in-force",
      severity: differing.length > 0 ? "warning" : "info",
      where: { kind: "process", pid: process.pid, what: "environment" },
      fact: facts.join("; "),
      consequence:
        differing.length > 0
          ? "mirrors are reached by what containerd was started with, not by what its unit says now"
          : "pulls go by the unit as it was; if its proxies or certificates were changed, they are not in force",
      fix: `${reload}${process.restart}`,
    },
  ];
}

function show(name: string, value: string | undefined): string {
  if (value === undefined || value === "") return "not set";
  return /_proxy$/i.test(name) && !/^no_proxy$/i.test(name) ? showProxyValue(value) : JSON.stringify(value);
}
