/** When new assignments may be handed out: times of the day in UTC, in minutes; `toMinute` ≤ `fromMinute` runs over midnight. */
export interface Window {
  /** 0 is Sunday; the day on which it begins. Absent: every day. */
  readonly days?: readonly number[];
  readonly fromMinute: number;
  readonly toMinute: number;
}

export const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

const DAY = 24 * 60;

/** Without windows it is always time. */
export function isOpen(windows: readonly Window[], nowMs: number): boolean {
  const minutes = Math.floor(nowMs / 60_000);
  // The epoch began on a Thursday.
  const day = (Math.floor(minutes / DAY) + 4) % 7;
  const minute = minutes % DAY;
  return windows.length === 0 || windows.some((window) => isIn(window, day, minute));
}

function isIn({ days, fromMinute, toMinute }: Window, day: number, minute: number): boolean {
  const isDay = (one: number): boolean => days === undefined || days.includes(one);
  if (fromMinute < toMinute) return isDay(day) && minute >= fromMinute && minute < toMinute;
  return (isDay(day) && minute >= fromMinute) || (isDay((day + 6) % 7) && minute < toMinute);
}
