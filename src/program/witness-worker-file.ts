/**
 * The program of the witness' thread: `witness-worker`, beside this file in the sources as in the build. It must stay a
 * file of its own wherever this one is bundled.
 */
export function witnessWorkerFile(): URL {
  if (!import.meta.url.endsWith(".ts")) return new URL("./witness-worker.js", import.meta.url);
  // In tests. On Node 20 `--import tsx` does not reach threads, so this one asks for it itself.
  const [tsx, entry] = ["tsx/esm/api", "./witness-worker.ts"].map((name) => import.meta.resolve(name));
  return new URL(`data:text/javascript,import{register}from"${tsx}";register();await import("${entry}")`);
}
