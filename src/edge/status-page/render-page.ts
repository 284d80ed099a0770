import type { StatusDocument } from "../../agent/status-document.ts";
import type { SourceState } from "../../core/evidence/evidence-report.ts";
import { formatMoment } from "../../core/evidence/format-age.ts";
import { configurationSection, findingsSection } from "./configuration.ts";
import { fallbacksSection, pullsSection } from "./fallbacks.ts";
import { type Html, html } from "./html.ts";
import { ago, badge, section, type Tone, toneOf } from "./parts.ts";
import { registriesSection } from "./registries.ts";
import { STYLES } from "./styles.ts";

const REFRESH_SECONDS = 30;

/** The status page: complete without script, style sheet or image of elsewhere. */
export function renderStatusPage(status: StatusDocument, options: { readonly refresh: boolean }): string {
  const tone = toneOfPage(status);
  const refresh = options.refresh ? html`<meta http-equiv="refresh" content="${REFRESH_SECONDS}">\n` : html``;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
${refresh}<title>${TITLES[tone]} ${status.agent.node}: mirrorlet</title>
<link rel="icon" href="${icon(tone)}">
<style>${{ html: STYLES }}</style>
</head>
<body>
<header>
<div class="verdict ${tone}">
<p>mirrorlet on <strong>${status.agent.node}</strong></p>
<h1>${status.summary.sentence}</h1>
<p>${refreshWords(status.atMs, options.refresh)}</p>
</div>
</header>
<main>
${registriesSection(status)}${fallbacksSection(status)}${findingsSection(status)}${configurationSection(status)}${pullsSection(status)}${sourcesSection(status)}</main>
<footer>
<p>mirrorlet ${status.agent.version}, started ${ago(status.agent.startedMs, status.atMs)} · containerd ${status.containerd.version ?? "of unknown version"}</p>
<p><a href="/status.json">status.json</a> · <a href="/health">health</a> · <a href="/metrics">metrics</a> · <a href="/readyz?verbose">readyz</a></p>
</footer>
</body>
</html>
`;
  return page.html;
}

const TITLES: Readonly<Record<Tone, string>> = { good: "✔", warn: "▲", bad: "✖", open: "○" };

/** Nothing wrong and nothing proven is not the same as all well. */
function toneOfPage({ summary, config, evidence }: StatusDocument): Tone {
  const isOpen =
    config === undefined ||
    (summary.status === "pass" && summary.proven === 0 && evidence.registries.length > 0);
  return isOpen ? "open" : toneOf(summary.status);
}

function refreshWords(atMs: number, refresh: boolean): Html {
  const moment = html`As of <time datetime="${new Date(atMs).toISOString()}">${formatMoment(atMs)}</time>`;
  return refresh
    ? html`${moment}, refreshed every ${REFRESH_SECONDS} s · <a href="/?refresh=off">pause</a>`
    : html`${moment}, not refreshed · <a href="/">follow</a>`;
}

function sourcesSection({ evidence }: StatusDocument): Html {
  return section("Sources of evidence", html`<ul class="findings">${evidence.sources.map(sourceItem)}</ul>`);
}

function sourceItem({ source, up, message }: SourceState): Html {
  return html`<li>${badge(up ? "good" : "open", source)} ${up ? "sees pulls" : "is not up"}${message === "" ? "" : `: ${message}`}</li>`;
}

const ICON_COLORS: Readonly<Record<Tone, string>> = {
  good: "1a9e4b",
  warn: "e09600",
  bad: "d3222b",
  open: "7b8794",
};

function icon(tone: Tone): string {
  return `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' fill='%23${ICON_COLORS[tone]}'/%3E%3C/svg%3E`;
}
