/** How fast something goes, of late. */
export interface Rate {
  /** So many bytes have gone by then, all together. */
  note(atMs: number, sent: number): void;
  /** 0: nothing lately. */
  perSecond(atMs: number, sent: number): number;
}

/** The rate is that of so many ms. */
const WINDOW_MS = 10_000;

export function createRate(startMs: number): Rate {
  const samples: { readonly atMs: number; readonly sent: number }[] = [{ atMs: startMs, sent: 0 }];
  return {
    note(atMs, sent) {
      const last = samples.at(-1);
      if (last !== undefined && atMs - last.atMs < 250) return;
      samples.push({ atMs, sent });
      while ((samples[1]?.atMs ?? atMs) < atMs - WINDOW_MS) samples.shift();
    },
    perSecond(atMs, sent) {
      const first = samples.find((one) => one.atMs >= atMs - WINDOW_MS) ?? samples.at(-1);
      if (first === undefined || atMs <= first.atMs) return 0;
      return Math.max(0, ((sent - first.sent) / (atMs - first.atMs)) * 1000);
    },
  };
}
