import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const quietMs = 5_000;
/** Pages that one collection frees are pooled, and go back to the system with the next. */
const secondMs = 100;

/**
 * Gives back what passes have left on the heap once things are quiet. A pass over a thousand registries leaves tens
 * of MiB of garbage, and V8 keeps it for as long as nobody allocates, which in an idle agent is for ever.
 * Call `poke` after each pass.
 */
export function createMemoryReturn(): { poke(): void; close(): void } {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  let timer: NodeJS.Timeout | undefined;
  return {
    poke() {
      clearTimeout(timer);
      timer = setTimeout(() => {
        collect();
        timer = setTimeout(collect, secondMs).unref();
      }, quietMs).unref();
    },
    close: () => clearTimeout(timer),
  };
}
