import { readFileSync } from "node:fs";
import { join } from "node:path";

/** How systemd/mirrorlet.service has the runtime run the agent, for what measures an agent without systemd. */
export interface UnitRuntime {
  /** Flags of node and V8. */
  readonly flags: readonly string[];
  /** What is set for the allocator and for the thread pool. */
  readonly environment: Readonly<Record<string, string>>;
}

export function readUnitRuntime(): UnitRuntime {
  const unit = readFileSync(join(import.meta.dirname, "../../systemd/mirrorlet.service"), "utf8");
  const [, started = ""] = /^ExecStart=\S+ (.*) \S+main\.js agent$/m.exec(unit) ?? [];
  const set = [...unit.matchAll(/\b(MALLOC_\w+|UV_THREADPOOL_SIZE)=(\S+)/g)].map(
    ([, name = "", value = ""]) => [name, value],
  );
  if (started === "" || set.length === 0) throw new Error("mirrorlet.service starts the agent otherwise");
  return { flags: started.split(" "), environment: Object.fromEntries(set) };
}
