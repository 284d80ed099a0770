import { type ImageReference, parseImageReference } from "../containerd/image-reference.ts";

/** The CRI pulls that run, as containerd's log tells of their starts and ends. */
export interface OpenPulls {
  begin(reference: string, atMs: number): void;
  /** Ends the one of this reference that began first; undefined when its start was not seen. */
  end(reference: string): OpenPull | undefined;
  all(): readonly OpenPull[];
}

export interface OpenPull {
  readonly reference: ImageReference;
  readonly startedMs: number;
}

const MAX_OPEN = 256;
/** Whose end is not seen by then was cut short: containerd was restarted. */
const MAX_AGE_MS = 6 * 3_600_000;

export function createOpenPulls(): OpenPulls {
  let open: readonly OpenPull[] = [];
  return {
    begin(text, atMs) {
      const parsed = parseImageReference(text);
      if (!parsed.ok) return;
      const current = open.filter(({ startedMs }) => atMs - startedMs < MAX_AGE_MS);
      open = [...current, { reference: parsed.reference, startedMs: atMs }].slice(-MAX_OPEN);
    },
    end(text) {
      const parsed = parseImageReference(text);
      if (!parsed.ok) return undefined;
      const ended = open.find(({ reference }) => reference.normalized === parsed.reference.normalized);
      open = open.filter((each) => each !== ended);
      return ended;
    },
    all: () => open,
  };
}
