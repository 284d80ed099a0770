import type { Sha256 } from "../core/fleet/membership.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { reportNode } from "./fleet-node-report.ts";
import { nodeLines } from "./fleet-node-text.ts";
import { type FleetPicture, type FleetReport, reportFleet } from "./fleet-report.ts";
import { fleetSentence, formatFleetStatus, hasTrouble } from "./fleet-status-text.ts";
import type { FleetStorePort } from "./fleet-store-port.ts";
import { createPaint } from "./paint.ts";

interface FleetStatusDeps {
  readonly store: FleetStorePort;
  readonly sha256: Sha256;
}

/** `fleet status [NODE…]`: the fleet, or these nodes. 0: fine · 1: somebody should look · 2: a node is not known. */
export async function fleetStatus(
  nodes: readonly string[],
  { watch }: { readonly watch: boolean | undefined },
  io: CommandIo,
  deps: FleetStatusDeps,
): Promise<ExitCode> {
  if (!watch) return show(await deps.store.look(), nodes, io, deps);
  let code: ExitCode = 0;
  let before = "";
  await deps.store.watch(io.stdoutClosed ?? new AbortController().signal, (picture) => {
    const quiet: string[] = [];
    code = show(picture, nodes, { ...io, stdout: (text) => void quiet.push(text) }, deps);
    const text = quiet.join("");
    if (io.columns !== undefined && !io.json) {
      io.stdout(before === "" ? `${CLEAR}${redraw(text, io.rows)}` : redraw(text, io.rows));
      before = text;
    } else {
      const line = io.json
        ? `${JSON.stringify(JSON.parse(text))}\n`
        : headOf(picture, nodes, text, deps.sha256);
      if (withoutTime(line) !== before) io.stdout(line);
      before = withoutTime(line);
    }
  });
  return code;
}

const CLEAR = "\u001b[2J";

/** From the top left, each line to its end, then what is below; what has no room below is left out. */
function redraw(text: string, rows: number | undefined): string {
  const lines = text.trimEnd().split("\n");
  const shown = rows === undefined || lines.length < rows ? lines : [...lines.slice(0, rows - 2), "…"];
  return `\u001b[H${shown.map((line) => `${line}\u001b[K\n`).join("")}\u001b[J`;
}

/** Without a terminal, what is seen changing is the sentence. */
function headOf(picture: FleetPicture, nodes: readonly string[], text: string, sha256: Sha256): string {
  return nodes.length > 0 ? text : `${fleetSentence(reportFleet(picture, sha256))}\n`;
}

function withoutTime(line: string): string {
  return line.replace(/"atMs":\d+/g, "");
}

function show(
  picture: FleetPicture,
  nodes: readonly string[],
  io: CommandIo,
  { sha256 }: FleetStatusDeps,
): ExitCode {
  if (nodes.length > 0) return showNodes(picture, nodes, io, sha256);
  const report = reportFleet(picture, sha256);
  const style = { paint: createPaint(io.color), columns: io.columns };
  if (io.json) printJson(io, "fleet-status", fleetJson(report));
  else io.stdout(formatFleetStatus(report, style));
  return hasTrouble(report) ? 1 : 0;
}

function fleetJson(report: FleetReport): object {
  const { fleet, summary, channels, rollouts, servers, controller, broken, ending } = report;
  const waits = Object.fromEntries(
    rollouts.flatMap(({ spec, waits: code }) => (code ? [[spec.id, code]] : [])),
  );
  return {
    fleet,
    sentence: fleetSentence(report),
    isTrouble: hasTrouble(report),
    ...summary,
    channels,
    waits,
    servers,
    ...(controller && { controller }),
    broken,
    ending,
  };
}

function showNodes(picture: FleetPicture, nodes: readonly string[], io: CommandIo, sha256: Sha256): ExitCode {
  const reports = nodes.flatMap((id) => reportNode(picture, id, sha256) ?? []);
  const unknown = nodes.filter((id) => !reports.some((report) => report.id === id));
  const style = { paint: createPaint(io.color), columns: io.columns };
  if (io.json) printJson(io, "fleet-nodes", { atMs: picture.atMs, nodes: reports, unknown });
  else if (reports.length > 0) {
    const texts = reports.map((report) =>
      nodeLines(report, picture.view.gone, picture.atMs, style).join("\n"),
    );
    io.stdout(`${texts.join("\n\n")}\n`);
  }
  for (const id of unknown) io.stderr(`mirrorlet: nobody has heard of a node ${id}\n`);
  return unknown.length > 0 ? 2 : 0;
}
