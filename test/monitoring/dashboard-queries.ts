import type { Dashboard } from "./monitoring-files.ts";

export function dashboardQueries({ panels }: Dashboard): readonly string[] {
  return panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
}

/** As Grafana does it for somebody who has chosen nothing. */
export function expandVariables(query: string): string {
  return query
    .replace(/\$__(rate_)?interval/g, "5m")
    .replaceAll("$__range", "1h")
    .replace(/\$(cluster|job|instance|registry)/g, ".*");
}
