import type { Visit } from "../core/containerd/pull/pull-walk.ts";
import type { Hop, HopPhase } from "../core/evidence/exchange.ts";
import { printable } from "../core/evidence/printable.ts";
import type { HostSummary, Trouble } from "../core/evidence/sum-up-walk.ts";

/** What a host was asked and what it answered, a few lines each; then what went wrong first, and what to do. */
export function visitLines(host: HostSummary, color: boolean): readonly string[] {
  return [
    ...(host.visits.length === 0 ? ["not asked: no pull of this image gets so far"] : []),
    ...(host.visits.length > 0 && !host.isReached
      ? ["no pull of this image gets so far; asked all the same"]
      : []),
    ...host.visits.flatMap(visitToLines),
    ...(host.trouble === undefined ? [] : troubleLines(host.trouble, color)),
  ];
}

function visitToLines({ request, reply, judgement }: Visit): readonly string[] {
  const asked = `${request.method.padEnd(4)} ${request.url}`;
  if (judgement.code === "witness")
    return [asked, indent("not asked: it answers 404 to everything, at once")];
  if (reply === undefined) return [asked, indent("not asked: as before")];
  const { hops, tokens } = reply.exchange;
  const detail = reply.kind === "answer" ? answerDetail(reply) : "";
  const lines = collapse(hops);
  const last = lines.pop();
  return [
    asked,
    ...[...lines, ...(last === undefined ? [] : [`${last}${detail}`])].map(indent),
    ...tokens.map((hop) => indent(`token ${hop.method} ${printable(hop.url, 200)}: ${hopText(hop)}`)),
  ];
}

/** A line for each hop; the same answer from the same address over and over is one. */
function collapse(hops: readonly Hop[]): string[] {
  const lines: string[] = [];
  let count = 0;
  for (const [index, hop] of hops.entries()) {
    const [previous, next] = [hops[index - 1], hops[index + 1]];
    count++;
    if (next?.url === hop.url && next.status === hop.status && next.method === hop.method) continue;
    const times = count > 1 ? `, ${count} times` : "";
    const isElsewhere = previous !== undefined && previous.url !== hop.url;
    lines.push(
      `${isElsewhere ? `then ${hop.method} ${printable(hop.url, 200)}: ` : ""}${hopText(hop)}${times}`,
    );
    count = 0;
  }
  return lines;
}

function answerDetail(reply: Extract<Visit["reply"], { readonly kind: "answer" }>): string {
  const { body, digestHeader, status, mediaType } = reply;
  if (status > 299) return "";
  const digest = body?.digest ?? digestHeader;
  const parts = [
    ...(digest === "" ? [] : [shorten(digest)]),
    ...(body === undefined ? [] : [`${body.bytes.length} bytes`]),
    ...(mediaType === "" ? [] : [printable(mediaType)]),
  ];
  return parts.length === 0 ? "" : `, ${parts.join(", ")}`;
}

const PHASES: Readonly<Record<HopPhase, string>> = { dns: "dns", connect: "tcp", tls: "tls", http: "http" };

function hopText({ durationsMs, proxy, status }: Hop): string {
  const phases = (Object.keys(PHASES) as HopPhase[]).flatMap((phase) => {
    const ms = durationsMs[phase];
    return ms === undefined ? [] : [`${PHASES[phase]} ${formatMs(ms)}`];
  });
  const via = proxy === undefined ? "" : `through the proxy ${printable(proxy)}, `;
  return `${via}${phases.join(", ")}${phases.length === 0 ? "" : ": "}${status ?? (durationsMs.http === undefined ? "failed" : "no answer")}`;
}

function formatMs(ms: number): string {
  return ms < 1 ? "<1 ms" : `${Math.round(ms)} ms`;
}

function troubleLines({ cause, consequence, fix }: Trouble, color: boolean): readonly string[] {
  const shown = color ? `\u001b[31mcause\u001b[0m` : "cause";
  return [`${shown}  ${cause}`, `so     ${consequence}`, `fix    ${fix}`];
}

function shorten(digest: string): string {
  return printable(digest.replace(/^(\w+:[0-9a-f]{12})[0-9a-f]+$/, "$1…"), 120).replace("?", "…");
}

function indent(text: string): string {
  return `     ${text}`;
}
