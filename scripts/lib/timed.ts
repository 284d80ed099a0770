/** What an action gave and how long it took. */
export async function timed<T>(
  action: () => Promise<T>,
): Promise<{ readonly value: T; readonly ms: number }> {
  const startMs = performance.now();
  const value = await action();
  return { value, ms: performance.now() - startMs };
}
