import type { HealthStatus } from "../../core/evidence/assess-health.ts";
import { formatAge, formatMoment } from "../../core/evidence/format-age.ts";
import { type Html, html } from "./html.ts";

/** Colour is never the only signal: each tone has its sign. */
export type Tone = "good" | "warn" | "bad" | "open";

const SIGNS: Readonly<Record<Tone, string>> = { good: "✔", warn: "▲", bad: "✖", open: "○" };

export function badge(tone: Tone, word: string): Html {
  return html`<span class="badge ${tone}"><span aria-hidden="true">${SIGNS[tone]}</span> ${word}</span>`;
}

export function toneOf(status: HealthStatus): Tone {
  return { pass: "good", warn: "warn", fail: "bad" }[status] as Tone;
}

/** `5 min ago`, with the moment itself for machines and for who points at it. */
export function ago(ms: number, nowMs: number): Html {
  const iso = new Date(ms).toISOString();
  return html`<time datetime="${iso}" title="${formatMoment(ms)}">${formatAge(nowMs - ms)} ago</time>`;
}

/** A URL or path that may break after each slash. */
export function breakable(text: string): Html {
  const parts = text.split(/(?<=[^/:]\/)/);
  return html`<code>${parts.map((part, index) => (index === 0 ? html`${part}` : html`<wbr>${part}`))}</code>`;
}

export interface Column<T> {
  readonly title: string;
  readonly cell: (item: T) => Html;
}

/** On a narrow screen each row becomes a card, and each cell says what it is. */
export function table<T>(
  kind: string,
  caption: string,
  columns: readonly Column<T>[],
  items: readonly T[],
): Html {
  const [first, ...rest] = columns;
  if (first === undefined) return html``;
  return html`<table class="${kind}"><caption>${caption}</caption><thead><tr>${columns.map(({ title }) => html`<th scope="col">${title}</th>`)}</tr></thead>
<tbody>${items.map(
    (item) => html`<tr><th scope="row">${first.cell(item)}</th>${rest.map(
      ({ title, cell }) => html`<td><span class="label">${title}</span><div>${cell(item)}</div></td>`,
    )}</tr>
`,
  )}</tbody></table>`;
}

export function section(title: string, content: Html): Html {
  return html`<section><h2>${title}</h2>
${content}
</section>
`;
}

export function folded(summary: string, content: Html): Html {
  return html`<details><summary>${summary}</summary>
${content}
</details>
`;
}
