import { describeGeneration } from "../../agent/describe-generation.ts";
import { describeFeed } from "../../agent/feed/feed-status.ts";
import { isReady, type ShownChange } from "../../agent/report.ts";
import { describeSigned } from "../../agent/signed-record.ts";
import type { LastChange, StatusDocument, StatusFinding } from "../../agent/status-document.ts";
import { type Html, html } from "./html.ts";
import { ago, badge, breakable, folded, section } from "./parts.ts";

export function findingsSection({ findings }: StatusDocument): Html {
  if (findings.length === 0) return html``;
  const [shown, rest] = [findings.slice(0, 20), findings.slice(20)];
  const list = (some: readonly StatusFinding[]) => html`<ul class="findings">${some.map(findingItem)}</ul>`;
  return section(
    "Findings",
    html`${list(shown)}${rest.length === 0 ? html`` : folded(`${rest.length} more`, list(rest))}`,
  );
}

/** What is in force, and the last change with its diff. */
export function configurationSection({ config, lastChange, feed, atMs }: StatusDocument): Html {
  if (config === undefined) return section("Configuration", html`<p>The first pass is not over yet.</p>`);
  const { observedGeneration, generation, appliedMs, signed, conditions } = config;
  const wanted =
    generation === observedGeneration || generation === 0
      ? html``
      : html`, generation ${generation} is wanted`;
  // A node on which nothing is in force yet has 0 too.
  const inForce =
    observedGeneration !== 0
      ? html`Generation ${observedGeneration} is in force`
      : isReady(config)
        ? html`The desired state is in force; it names no generation`
        : html`No generation is in force`;
  const applied = appliedMs === undefined ? html`` : html`, applied ${ago(appliedMs, atMs)}`;
  return section(
    "Configuration",
    html`<p>${inForce}${wanted}${applied}.</p>
${signed === undefined ? html`` : html`<p>It is ${describeSigned(signed, atMs)}. Serials below ${signed.floor} are refused.</p>`}
<ul class="findings">${conditions.map(
      ({ type, message }) =>
        html`<li>${badge(type === "Ready" ? "good" : type === "Degraded" ? "bad" : "warn", type)} ${message}</li>`,
    )}</ul>
${
  feed === undefined
    ? html``
    : html`<h3>Feed</h3>
<ul>${describeFeed(feed, atMs).map((line) => html`<li>${line}</li>`)}</ul>`
}
<h3>Last change</h3>
${lastChange === undefined ? html`<p>Nothing has been changed since the agent started.</p>` : changeOf(lastChange, atMs)}`,
  );
}

const TONES = { error: "bad", warning: "warn", info: "open" } as const;

function findingItem({ code, severity, where, message, fix }: StatusFinding): Html {
  const advice = fix === "" ? html`` : html`<br><small>Fix: ${fix}</small>`;
  return html`<li>${badge(TONES[severity], severity)} <code>${code}</code> ${message}<br><small>at ${breakable(where)}</small>${advice}</li>`;
}

function changeOf({ atMs, outcome, generation, done, changed }: LastChange, nowMs: number): Html {
  const steps = done.slice(0, 10).map((line) => html`<li>${line}</li>`);
  const more = done.length > 10 ? html`<li>and ${done.length - 10} more</li>` : html``;
  return html`<p>${ago(atMs, nowMs)}: ${outcome}, ${describeGeneration(generation)}.</p>
<ul>${steps}${more}</ul>
${changed.map((change) => folded(change.path, diffOf(change)))}`;
}

function diffOf({ diff }: ShownChange): Html {
  const lines = diff.split("\n").map((line) => {
    const kind = line.startsWith("+")
      ? "added"
      : line.startsWith("-")
        ? "removed"
        : line.startsWith("@@")
          ? "place"
          : "";
    return kind === "" ? html`${line}\n` : html`<span class="${kind}">${line}</span>\n`;
  });
  return html`<pre tabindex="0">${lines}</pre>`;
}
