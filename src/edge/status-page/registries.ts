import type { StatusDocument } from "../../agent/status-document.ts";
import { type HealthStatus, RECOVERED } from "../../core/evidence/assess-health.ts";
import { findDeadMirrors } from "../../core/evidence/assess-probes.ts";
import type { HostProbe, RegistryEvidence, VerdictName } from "../../core/evidence/evidence-report.ts";
import { formatAge } from "../../core/evidence/format-age.ts";
import { PULL_PATHS } from "../../core/evidence/pull.ts";
import { registryName } from "../../core/evidence/summarize-evidence.ts";
import { type Html, html } from "./html.ts";
import { ago, badge, breakable, type Column, folded, section, type Tone, table, toneOf } from "./parts.ts";

interface Row {
  readonly registry: RegistryEvidence;
  readonly status: HealthStatus;
}

/** So many rows are read at a glance; beyond, what is as it should be is folded away, and where something is not, sooner. */
const GLANCE = 12;
const GLANCE_IN_TROUBLE = 4;
const MOST_TROUBLED = 50;

/** Failures of mirrors that several registries meet in the same way, by `failureKey`. */
type SharedFailures = ReadonlyMap<string, readonly HostProbe[]>;

const MOST_NAMED = 8;

/** Told once, with whom it concerns: a dead mirror of a thousand registries is one thing to mend. */
function sharedFailures(registries: readonly RegistryEvidence[]): SharedFailures {
  const byKey = new Map<string, HostProbe[]>();
  for (const probe of registries.flatMap(({ probes }) => probes)) {
    if (probe.ok || probe.role !== "mirror") continue;
    const same = byKey.get(failureKey(probe));
    if (same === undefined) byKey.set(failureKey(probe), [probe]);
    else same.push(probe);
  }
  const isShared = (probes: readonly HostProbe[]) => new Set(probes.map(({ registry }) => registry)).size > 1;
  return new Map([...byKey].filter(([, probes]) => isShared(probes)));
}

function failureKey({ host, failedPhase, message, ok, role }: HostProbe): string {
  return ok || role !== "mirror" ? "" : JSON.stringify([host, failedPhase, message]);
}

function sharedSection(shared: SharedFailures, nowMs: number): Html {
  if (shared.size === 0) return html``;
  const items = [...shared.values()].map((probes) => {
    const [first] = probes;
    const names = [...new Set(probes.map(({ registry }) => registryName({ namespace: registry })))];
    const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : "";
    return first === undefined
      ? html``
      : html`<li>Mirror <code>${first.host}</code> of ${names.slice(0, MOST_NAMED).join(", ")}${more}: ${probeWords(first, nowMs)}</li>`;
  });
  return html`<ul class="findings">${items}</ul>
`;
}

/** A row for each registry: what is wrong first, then what nothing is known of, then the rest. */
export function registriesSection({ evidence, health, atMs }: StatusDocument): Html {
  const rows = evidence.registries.map((registry, index) => ({
    registry,
    status: health[index]?.status ?? "pass",
  }));
  if (rows.length === 0)
    return section(
      "Registries",
      html`<p>No registry has a mirror in the desired state that is in force.</p>`,
    );
  const is = (status: HealthStatus) => rows.filter((row) => row.status === status);
  const isOpen = ({ registry }: Row) => registry.verdict.name === "unproven";
  const troubled = [...is("fail"), ...is("warn")];
  const open = is("pass").filter(isOpen);
  const well = is("pass").filter((row) => !isOpen(row));
  const shared = sharedFailures(rows.map(({ registry }) => registry));
  const columns = columnsAt(atMs, shared);
  const quiet = [...open, ...well];
  const title = "Where pulls of each registry come from";
  if (
    quiet.length <= (troubled.length === 0 ? GLANCE : GLANCE_IN_TROUBLE) &&
    troubled.length <= MOST_TROUBLED
  )
    return section(
      "Registries",
      html`${sharedSection(shared, atMs)}${table("registries", title, columns, [...troubled, ...quiet])}`,
    );
  const fold = (words: string, list: readonly Row[]) =>
    list.length === 0 ? html`` : folded(`${list.length} ${words}`, table("registries", words, columns, list));
  const first = troubled.slice(0, MOST_TROUBLED);
  return section(
    "Registries",
    html`${sharedSection(shared, atMs)}${first.length === 0 ? html`` : table("registries", title, columns, first)}
${fold("more that are not served as they should be", troubled.slice(MOST_TROUBLED))}${fold("of which nothing is proven yet", open)}${fold("served by their mirrors", well)}`,
  );
}

function columnsAt(nowMs: number, shared: SharedFailures): readonly Column<Row>[] {
  return [
    { title: "Registry", cell: ({ registry }) => nameCell(registry) },
    { title: "Verdict", cell: verdictCell },
    { title: "Evidence", cell: ({ registry }) => evidenceCell(registry, nowMs) },
    { title: "Mirrors", cell: ({ registry }) => mirrorsCell(registry, nowMs, shared) },
    { title: "Pulls", cell: ({ registry }) => pullsCell(registry) },
  ];
}

function nameCell(registry: RegistryEvidence): Html {
  const { namespace, upstream } = registry;
  const name = namespace === "*" ? html`${registryName(registry)} <code>*</code>` : html`${namespace}`;
  return upstream === "never" ? html`${name}<br><small>upstream closed</small>` : name;
}

function verdictCell({ registry }: Row): Html {
  const { verdict, recoveredMs } = registry;
  const dead = findDeadMirrors(registry);
  return html`${badge(VERDICT_TONES[verdict.name], verdict.name)}<p>${verdict.message}${recoveredMs === undefined ? "" : `; ${RECOVERED}`}</p>${
    dead === undefined
      ? html``
      : html`<p>${badge(toneOf(dead.status), "no mirror answers")} ${dead.follows}</p>`
  }`;
}

const VERDICT_TONES: Readonly<Record<VerdictName, Tone>> = {
  mirrored: "good",
  mixed: "warn",
  bypassed: "bad",
  failing: "bad",
  unproven: "open",
};

function evidenceCell({ verdict }: RegistryEvidence, nowMs: number): Html {
  const { source, lastMs, sinceMs, pulls } = verdict;
  if (source === undefined || lastMs === undefined)
    return html`none<br><small>for ${formatAge(nowMs - sinceMs)}</small>`;
  const count = pulls === 1 ? "1 pull" : `${pulls} pulls`;
  return html`${source}, ${ago(lastMs, nowMs)}<br><small>${count}, verdict for ${formatAge(nowMs - sinceMs)}</small>`;
}

function mirrorsCell({ mirrors, probes }: RegistryEvidence, nowMs: number, shared: SharedFailures): Html {
  const items = mirrors.map((url) => {
    const probe = probes.find(
      (one) => one.role === "mirror" && (one.url === url || one.url.startsWith(`${url}/`)),
    );
    return html`<li>${breakable(url)}${probe === undefined ? html`` : shared.has(failureKey(probe)) ? html`<small>${failureBadge(probe)}, see above</small>` : probeWords(probe, nowMs)}</li>`;
  });
  const upstream = probes.filter(({ role }) => role === "upstream");
  const last = upstream.map(
    (probe) => html`<li>then <code>${probe.host}</code>${probeWords(probe, nowMs)}</li>`,
  );
  return html`<ol class="hosts">${items}${last}</ol>`;
}

const DAY_MS = 86_400_000;

function probeWords(
  { ok, atMs, durationsMs, failedPhase, message, tlsNotAfterMs, failures }: HostProbe,
  nowMs: number,
): Html {
  const ms = Math.round(Object.values(durationsMs).reduce((sum, one) => sum + (one ?? 0), 0));
  const leftMs = tlsNotAfterMs === undefined ? undefined : tlsNotAfterMs - nowMs;
  const expiry =
    leftMs === undefined || leftMs > 14 * DAY_MS
      ? html``
      : html` ${badge("warn", leftMs < 0 ? "certificate expired" : `certificate expires in ${formatAge(leftMs)}`)}`;
  if (ok) return html`<small>${badge("good", "answers")} in ${ms} ms, ${ago(atMs, nowMs)}${expiry}</small>`;
  const times = failures > 1 ? ` (${failures} times)` : "";
  return html`<small>${failureBadge({ failedPhase })}${times}, ${ago(atMs, nowMs)}: ${message}${expiry}</small>`;
}

function failureBadge({
  failedPhase,
}: {
  readonly failedPhase?: HostProbe["failedPhase"] | undefined;
}): Html {
  return badge("bad", failedPhase === undefined ? "fails" : `fails at ${failedPhase}`);
}

function pullsCell({ pulls, fallbacks }: RegistryEvidence): Html {
  const parts = PULL_PATHS.filter((path) => pulls[path] > 0).map((path) => `${pulls[path]} ${path}`);
  const beyond = fallbacks === 0 ? "" : `${fallbacks} requests past the mirrors`;
  return html`${parts.length === 0 ? "none yet" : parts.join(" · ")}${beyond === "" ? html`` : html`<br><small>${beyond}</small>`}`;
}
