/** For whole programs to do what they do in a moment, on a machine that has ten times as much to do: a bound, no promise. */
export const WAIT_LIMIT_MS = 60_000;
