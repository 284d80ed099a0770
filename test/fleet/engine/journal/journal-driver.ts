// A process of its own that writes to a journal until it is killed, and says each revision that was acknowledged.
import { put } from "../engine-words.ts";
import { openJournal } from "../open-engine.ts";

const [directory = "", name = "", leaseMs = "0"] = process.argv.slice(2);
const engine = await openJournal({ directory, compactBytes: 64 * 1024 });
const lease = leaseMs === "0" ? undefined : await engine.lease(Number(leaseMs));
if (lease !== undefined) {
  await engine.txn({ success: [put(`held/${name}`, "", lease.id)] });
  console.log("held");
}
for (let index = 0; lease === undefined; index++) {
  const key = `${name}/${index}`;
  const { revision } = await engine.txn({ success: [put(key, "x".repeat(200))] });
  console.log(`${key} ${revision}`);
}
