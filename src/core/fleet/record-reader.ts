import { parseDuration } from "../agent-config/duration.ts";
import { quote, suggest } from "../desired-state/text.ts";
import { FLEET_LIMITS } from "./fleet-limits.ts";
import { describeValue, formatPath, isObject, type Problem, type RecordPath } from "./problem.ts";

/**
 * One object of a record. Each method reads one key; what is missing or wrong becomes a problem, and a stand-in is
 * returned that nobody gets to see.
 */
export class RecordReader {
  readonly path: RecordPath;
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #what: string;
  readonly #problems: Problem[];
  readonly #known = new Set<string>();
  #children: RecordReader[] = [];

  constructor(value: Readonly<Record<string, unknown>>, path: RecordPath, what: string, problems: Problem[]) {
    this.#value = value;
    this.path = path;
    this.#what = what;
    this.#problems = problems;
  }

  /** The whole path of a key, for messages. */
  nameOf(key: string): string {
    return formatPath([...this.path, key]);
  }

  has(key: string): boolean {
    this.#known.add(key);
    return Object.hasOwn(this.#value, key) && this.#value[key] !== undefined;
  }

  keys(): readonly string[] {
    return Object.keys(this.#value);
  }

  text(key: string, isValid: (text: string) => boolean, wanted: string): string {
    const value = this.#get(key);
    if (value === undefined) return "";
    if (typeof value !== "string") this.wrongType(key, value, "text");
    else if (!isValid(value))
      this.refuse(key, `${this.nameOf(key)} must be ${wanted}, here it is ${quote(value)}`);
    else return value;
    return "";
  }

  /** Words of people or other programs. */
  message(key: string): string {
    return this.text(key, isMessage, `at most ${FLEET_LIMITS.message} printable characters`);
  }

  oneOf<T extends string>(key: string, values: readonly [T, ...T[]]): T {
    const text = this.text(key, (one) => (values as readonly string[]).includes(one), values.join(" or "));
    return text === "" ? values[0] : (text as T);
  }

  boolean(key: string): boolean {
    const value = this.#get(key);
    if (value !== undefined && typeof value !== "boolean") this.wrongType(key, value, "true or false");
    return value === true;
  }

  whole(key: string, min: number, max: number): number {
    return this.#number(key, min, max, "a whole number", Number.isSafeInteger);
  }

  number(key: string, min: number, max: number): number {
    return this.#number(key, min, max, "a number", Number.isFinite);
  }

  /** Milliseconds since the epoch. */
  moment(key: string): number {
    return this.whole(key, 0, 8.64e15);
  }

  /** Milliseconds. */
  durationMs(key: string): number {
    return this.whole(key, 0, FLEET_LIMITS.durationMs);
  }

  /** Milliseconds of a text as `10m`. */
  duration(key: string): number {
    const wanted = `a duration up to 720h, as 90s or 10m`;
    const isDuration = (text: string): boolean =>
      (parseDuration(text) ?? Number.POSITIVE_INFINITY) <= FLEET_LIMITS.durationMs;
    return parseDuration(this.text(key, isDuration, wanted)) ?? 0;
  }

  child<T>(key: string, what: string, read: (reader: RecordReader) => T): T | undefined {
    const value = this.#get(key);
    if (value === undefined) return undefined;
    return this.#object(value, [...this.path, key], what, read);
  }

  /** Items that are objects. */
  children<T>(key: string, max: number, what: string, read: (reader: RecordReader) => T): readonly T[] {
    return this.#list(key, max).flatMap((item, index) => {
      const one = this.#object(item, [...this.path, key, index], what, read);
      return one === undefined ? [] : [one];
    });
  }

  texts(key: string, max: number, isValid: (text: string) => boolean, wanted: string): readonly string[] {
    return this.#list(key, max).flatMap((item, index) => {
      if (typeof item === "string" && isValid(item)) return [item];
      const shown = typeof item === "string" ? quote(item) : describeValue(item);
      const message = `${this.nameOf(key)}[${index}] must be ${wanted}, here it is ${shown}`;
      this.#problem("rollout-value", [...this.path, key, index], message, "");
      return [];
    });
  }

  wholes(key: string, max: number, from: number, to: number): readonly number[] {
    return this.#list(key, max).flatMap((item, index) => {
      if (Number.isSafeInteger(item) && Number(item) >= from && Number(item) <= to) return [Number(item)];
      const message = `${this.nameOf(key)}[${index}] must be a whole number from ${from} to ${to}`;
      this.#problem("rollout-value", [...this.path, key, index], message, "");
      return [];
    });
  }

  /** `key` only if it is there. */
  optional<T>(key: string, read: () => T): T | undefined {
    return this.has(key) ? read() : undefined;
  }

  refuse(key: string, message: string, fix = ""): void {
    this.#problem("rollout-value", this.has(key) ? [...this.path, key] : this.path, message, fix);
  }

  wrongType(key: string, value: unknown, wanted: string): void {
    const message = `${this.nameOf(key)} must be ${wanted}, here it is ${describeValue(value)}`;
    this.#problem("wrong-type", [...this.path, key], message, "");
  }

  /** Every key that nobody has asked for. */
  rejectUnknown(): void {
    for (const child of this.#children) child.rejectUnknown();
    const known = [...this.#known];
    for (const key of Object.keys(this.#value)) {
      if (this.#known.has(key)) continue;
      const meant = suggest(key, known);
      const fix = meant === undefined ? `known here: ${known.join(", ")}` : `did you mean ${meant}?`;
      this.#problem("unknown-key", [...this.path, key], `${this.#what} has no key ${quote(key)}`, fix);
    }
  }

  #get(key: string): unknown {
    if (this.has(key)) return this.#value[key];
    this.#problem("missing-key", this.path, `${this.#what} has no ${key}`, `add ${key}`);
    return undefined;
  }

  #number(key: string, min: number, max: number, kind: string, isKind: (value: number) => boolean): number {
    const value = this.#get(key);
    if (value === undefined) return min;
    if (typeof value !== "number") this.wrongType(key, value, kind);
    else if (isKind(value) && value >= min && value <= max) return value;
    else this.refuse(key, `${this.nameOf(key)} must be ${kind} from ${min} to ${max}, here it is ${value}`);
    return min;
  }

  #list(key: string, max: number): readonly unknown[] {
    const value = this.#get(key);
    if (value === undefined) return [];
    if (!Array.isArray(value)) this.wrongType(key, value, "a list");
    else if (value.length > max)
      this.refuse(key, `${this.nameOf(key)} has ${value.length} items, more than ${max}`);
    else return value;
    return [];
  }

  #object<T>(
    value: unknown,
    path: RecordPath,
    what: string,
    read: (reader: RecordReader) => T,
  ): T | undefined {
    if (!isObject(value)) {
      this.#problem(
        "wrong-type",
        path,
        `${formatPath(path)} must be ${what}, an object, here it is ${describeValue(value)}`,
        "",
      );
      return undefined;
    }
    const child = new RecordReader(value, path, what, this.#problems);
    this.#children.push(child);
    return read(child);
  }

  #problem(code: Problem["code"], path: RecordPath, message: string, fix: string): void {
    if (this.#problems.length < FLEET_LIMITS.problems) this.#problems.push({ code, path, message, fix });
  }
}

function isMessage(text: string): boolean {
  return text.length <= FLEET_LIMITS.message && !/[\p{Cc}\p{Surrogate}]/u.test(text);
}
