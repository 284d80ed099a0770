// A process of its own that raises a counter so many times, comparing before each write.
import type { Engine } from "../../../src/fleet/engine/engine.ts";
import { bytes, get, text } from "./engine-words.ts";
import { openEtcd, openJournal } from "./open-engine.ts";

export type FencingEngine =
  | { readonly kind: "etcd"; readonly endpoints: readonly string[] }
  | { readonly kind: "journal"; readonly directory: string };

function open(engine: FencingEngine): Promise<Engine> {
  return engine.kind === "etcd" ? openEtcd(engine) : openJournal(engine);
}

const spec = process.argv[2];
if (spec !== undefined && import.meta.url === `file://${process.argv[1]}`) {
  const {
    engine: how,
    key,
    rounds,
  } = JSON.parse(spec) as { engine: FencingEngine; key: string; rounds: number };
  const engine = await open(how);
  for (let done = 0; done < rounds; ) {
    const [entry] = (await engine.txn({ success: [get(key)] })).gets;
    if (entry === undefined) throw new Error(`no ${key}`);
    const value = bytes(String(Number(text(entry.value)) + 1));
    const { succeeded } = await engine.txn({
      compare: [{ key, modRevision: entry.modRevision }],
      success: [{ kind: "put", key, value }],
    });
    if (succeeded) done++;
  }
  await engine.close();
}
