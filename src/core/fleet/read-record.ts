import { FLEET_LIMITS } from "./fleet-limits.ts";
import { describeValue, isObject, type Problem, type ReadResult } from "./problem.ts";
import { RecordReader } from "./record-reader.ts";

/**
 * Reads a value with `read`, which asks a RecordReader for every key there may be. All problems are told at once, up to
 * a limit; what `read` has built is dropped when there is one.
 */
export function readRecord<T>(
  value: unknown,
  what: string,
  read: (reader: RecordReader) => T,
): ReadResult<T> {
  const problems: Problem[] = [];
  if (!isObject(value)) {
    const message = `${what} must be an object, here it is ${describeValue(value)}`;
    return { ok: false, problems: [{ code: "wrong-type", path: [], message, fix: "" }] };
  }
  const reader = new RecordReader(value, [], what, problems);
  const result = read(reader);
  reader.rejectUnknown();
  return problems.length === 0 ? { ok: true, value: result } : { ok: false, problems };
}

/** As `readRecord`, of a value in the engine: JSON with `schema`. */
export function readStored<T>(text: string, what: string, read: (reader: RecordReader) => T): ReadResult<T> {
  const refuse = (message: string): ReadResult<T> => ({
    ok: false,
    problems: [{ code: "wrong-type", path: [], message, fix: "" }],
  });
  if (text.length > FLEET_LIMITS.record) return refuse(`${what} is too long: ${text.length} characters`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse(`${what} is not JSON`);
  }
  return readRecord(value, what, (reader) => {
    reader.whole("schema", 1, 1);
    return read(reader);
  });
}

/** The counterpart of `readStored`. */
export function writeStored(value: object): string {
  return JSON.stringify({ schema: 1, ...value });
}
