import type { StatusDocument } from "../../agent/status-document.ts";
import type { Fallback } from "../../core/evidence/evidence-report.ts";
import { imageName } from "../../core/evidence/grade-pull.ts";
import type { RecentPull } from "../../core/evidence/recent-pull.ts";
import { type Html, html } from "./html.ts";
import { ago, badge, breakable, folded, section, type Tone, table } from "./parts.ts";

/** Of one image at one time, for one reason. */
interface FallbackGroup {
  readonly newest: Fallback;
  readonly all: readonly Fallback[];
}

/** What mirrors did not serve, an image a row. */
export function fallbacksSection({ evidence, atMs }: StatusDocument): Html {
  const { recentFallbacks, sources } = evidence;
  const isWatched = sources.some(({ source, up }) => up && (source === "trace" || source === "witness"));
  if (recentFallbacks.length === 0)
    return section(
      "Recent fallbacks",
      isWatched
        ? html`<p>No request is known to have gone past the mirrors.</p>`
        : html`<p>Not known: neither traces nor the witness are up, so that requests past the mirrors go unseen.</p>`,
    );
  return section(
    "Recent fallbacks",
    table(
      "fallbacks",
      "Requests that no mirror served, newest first",
      [
        { title: "Image", cell: ({ newest }) => breakable(`${newest.registry}/${newest.repository}`) },
        { title: "When", cell: ({ newest }) => ago(newest.atMs, atMs) },
        { title: "Went to", cell: ({ newest }) => html`${newest.wentTo}` },
        { title: "Why", cell: ({ newest }) => html`${newest.reason} <small>(${newest.source})</small>` },
        { title: "What", cell: ({ all }) => whatCell(all) },
      ],
      groupFallbacks(recentFallbacks),
    ),
  );
}

/** The last pulls, folded: for whoever asks what happened to one image. */
export function pullsSection({ recentPulls, atMs }: StatusDocument): Html {
  if (recentPulls.length === 0) return html``;
  const shown = recentPulls.slice(0, 30);
  return section(
    "Recent pulls",
    folded(
      `The last ${shown.length === 1 ? "pull" : `${shown.length} pulls`}`,
      table(
        "pulls",
        "Pulls, newest first",
        [
          { title: "Image", cell: (pull) => breakable(`${pull.registry}/${imageName(pull)}`) },
          { title: "When", cell: ({ endedMs }) => ago(endedMs, atMs) },
          { title: "From", cell: ({ path, reason }) => html`${badge(TONES[path], path)} ${reason ?? ""}` },
          { title: "Requests", cell: ({ hosts, source }) => hostsCell(hosts, source) },
        ],
        shown,
      ),
    ),
  );
}

const TONES: Readonly<Record<RecentPull["path"], Tone>> = {
  mirror: "good",
  mixed: "warn",
  upstream: "bad",
  failed: "bad",
  none: "open",
};

function groupFallbacks(fallbacks: readonly Fallback[]): readonly FallbackGroup[] {
  const groups = new Map<string, { newest: Fallback; all: Fallback[] }>();
  for (const fallback of fallbacks) {
    const { registry, repository, reason, wentTo } = fallback;
    const key = JSON.stringify([registry, repository, reason, wentTo]);
    const group = groups.get(key) ?? { newest: fallback, all: [] };
    group.all.push(fallback);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** Tags by name, digests by number: nobody reads those at night, and status.json has them. */
function whatCell(fallbacks: readonly Fallback[]): Html {
  const isDigest = ({ object }: Fallback) => object.includes(":");
  const tags = [...new Set(fallbacks.filter((one) => !isDigest(one)).map(({ object }) => `tag ${object}`))];
  const count = (kind: Fallback["kind"]) => {
    const objects = new Set(
      fallbacks.filter((one) => one.kind === kind && isDigest(one)).map(({ object }) => object),
    );
    return objects.size === 0 ? [] : [`${objects.size} ${kind}${objects.size === 1 ? "" : "s"}`];
  };
  return html`${[...tags.slice(0, 3), ...count("manifest"), ...count("blob")].join(", ")}`;
}

function hostsCell(hosts: RecentPull["hosts"], source: RecentPull["source"]): Html {
  if (hosts.length === 0) return html`<small>not seen (${source})</small>`;
  const words = hosts.map(
    ({ host, served, refused }) => `${host}: ${served} served${refused > 0 ? `, ${refused} not` : ""}`,
  );
  return html`<small>${words.join("; ")}</small>`;
}
