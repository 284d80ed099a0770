export type DurationResult =
  | { readonly ok: true; readonly ms: number }
  /** `message` in the words of Go's time package. */
  | { readonly ok: false; readonly message: string };

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
/** 2^63 nanoseconds, where Go's Duration overflows. */
const LIMIT_MS = 2 ** 63 / 1e6;

/** Go's time.ParseDuration, as containerd reads `dial_timeout`: `1s`, `1m30s`, `0`, `-1.5h`. */
export function parseGoDuration(text: string): DurationResult {
  const invalid = { ok: false, message: `time: invalid duration ${JSON.stringify(text)}` } as const;
  const unsigned = text.replace(/^[-+]/, "");
  if (unsigned === "0") return { ok: true, ms: 0 };
  if (unsigned === "") return invalid;
  let ms = 0;
  let rest = unsigned;
  while (rest !== "") {
    const match = /^(\d*)(?:\.(\d*))?/.exec(rest);
    const [number = "", whole = "", fraction = ""] = match ?? [];
    if (whole === "" && fraction === "") return invalid;
    rest = rest.slice(number.length);
    const unit = /^[^.\d]*/.exec(rest)?.[0] ?? "";
    if (unit === "") return { ok: false, message: `time: missing unit in duration ${JSON.stringify(text)}` };
    const factor = Object.hasOwn(UNIT_MS, unit) ? UNIT_MS[unit] : undefined;
    if (factor === undefined)
      return {
        ok: false,
        message: `time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`,
      };
    ms += Number(`${whole || "0"}.${fraction || "0"}`) * factor;
    rest = rest.slice(unit.length);
  }
  if (ms >= LIMIT_MS) return invalid;
  return { ok: true, ms: text.startsWith("-") ? -ms : ms };
}
