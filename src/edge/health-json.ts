import { assessConfig, type StatusDocument } from "../agent/status-document.ts";
import type { RegistryEvidence } from "../core/evidence/evidence-report.ts";
import type { Route } from "./http-routes.ts";
import { renderSparingly } from "./rendered-body.ts";

/**
 * `/health`: whether pulls go where they should, with a check for each registry. The form is that of
 * draft-inadarei-api-health-check-06, an Internet-Draft that expired in 2022 and that many tools read all the same.
 * 503 on fail, else 200. Verdicts of pulls, so no probe for the agent's life: that is `/livez`.
 */
export function healthJsonRoute(status: () => StatusDocument): Route {
  const rendered = renderSparingly(() => {
    const document = status();
    const text = `${JSON.stringify(toHealthJson(document))}\n`;
    return { status: document.summary.status === "fail" ? 503 : 200, text };
  });
  return {
    path: "/health",
    listener: "metrics",
    handle: async ({ incoming }) => ({
      contentType: "application/health+json",
      ...(await rendered.get(incoming)),
    }),
  };
}

function toHealthJson({ summary, agent, atMs, health, evidence, config }: StatusDocument): object {
  const { status, output } = assessConfig(config);
  const registries = evidence.registries.map((registry, index) => {
    const checked = health[index];
    const check = { ...describeCheck(registry, atMs), status: checked?.status, output: checked?.output };
    return [`registry:${registry.namespace}`, [check]];
  });
  return {
    status: summary.status,
    version: agent.version,
    serviceId: "mirrorlet",
    description: "whether containerd's pulls on this node are served by its registry mirrors",
    ...(summary.status === "pass" ? { notes: [summary.sentence] } : { output: summary.sentence }),
    checks: {
      "agent:configuration": [{ componentType: "component", status, time: iso(atMs), output }],
      ...Object.fromEntries(registries),
    },
  };
}

function describeCheck({ namespace, verdict }: RegistryEvidence, atMs: number): object {
  return {
    componentId: namespace,
    componentType: "component",
    observedValue: verdict.name,
    evidence: verdict.source ?? "none",
    since: iso(verdict.sinceMs),
    time: iso(verdict.lastMs ?? atMs),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
