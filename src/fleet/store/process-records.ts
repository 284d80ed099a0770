import { maybe } from "../../core/fleet/maybe.ts";
import type { ReadResult } from "../../core/fleet/problem.ts";
import { readStored } from "../../core/fleet/read-record.ts";
import type { RecordReader } from "../../core/fleet/record-reader.ts";

/** `servers/<id>`, under the lease of a feed server: there as long as the server is. */
export interface ServerRecord {
  readonly version: string;
  readonly host: string;
  /** Where nodes reach it, for people. */
  readonly address?: string;
  readonly startedMs: number;
  /** Its clock is by so much ahead of the controller's that it tells its nodes of no rollout. Absent: it does. */
  readonly clockOffMs?: number;
}

/** `controller`, under the lease of the one that leads; written again at every beat. */
export interface ControllerRecord {
  readonly id: string;
  readonly version: string;
  readonly host: string;
  readonly sinceMs: number;
  /** Counts: another one is a beat. */
  readonly beat: number;
  /** What its clock shows. Absent: it does not say. */
  readonly atMs?: number;
}

export function readServerRecord(text: string): ReadResult<ServerRecord> {
  return readStored(text, "a feed server", (reader) => ({
    ...readProcess(reader),
    ...maybe("address", reader, () => reader.message("address")),
    startedMs: reader.moment("startedMs"),
    ...maybe("clockOffMs", reader, () => reader.whole("clockOffMs", -MOST_MS, MOST_MS)),
  }));
}

const MOST_MS = Number.MAX_SAFE_INTEGER;

export function readControllerRecord(text: string): ReadResult<ControllerRecord> {
  return readStored(text, "the controller", (reader) => ({
    id: reader.message("id"),
    ...readProcess(reader),
    sinceMs: reader.moment("sinceMs"),
    beat: reader.whole("beat", 0, Number.MAX_SAFE_INTEGER),
    ...maybe("atMs", reader, () => reader.moment("atMs")),
  }));
}

function readProcess(reader: RecordReader): { readonly version: string; readonly host: string } {
  return { version: reader.message("version"), host: reader.message("host") };
}
