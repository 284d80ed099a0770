/** A span as containerd exported it, with what of it is evidence. Times are wall clock, ms since the epoch. */
export interface Span {
  /** Opaque; the same for all spans of a trace. */
  readonly traceId: string;
  /** Opaque; of one span in its trace. */
  readonly spanId: string;
  /** `""` for the first span of a trace. */
  readonly parentId: string;
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  readonly events: readonly SpanEvent[];
  /** Its status is Error. */
  readonly failed: boolean;
  /** Of the status; `""` for none. */
  readonly message: string;
}

export interface SpanEvent {
  readonly atMs: number;
  readonly name: string;
  readonly attributes: Attributes;
}

/** Only those that were asked for; texts and whole numbers. */
export type Attributes = ReadonlyMap<string, string | number>;
