import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testEngine } from "../conformance.ts";
import { openJournal } from "../open-engine.ts";

testEngine("the journal", async () => {
  const directory = await mkdtemp(join(tmpdir(), "mirrorlet-journal-"));
  return {
    open: () => openJournal({ directory }),
    async compact(revision) {
      const engine = await openJournal({ directory });
      await engine.compact(revision);
      await engine.close();
    },
    elsewhere: { kind: "journal", directory },
    stop: () => rm(directory, { recursive: true }),
  };
});
