import { atEnd, directoryOf } from "../../support/at-end.ts";
import { openJournal } from "../engine/open-engine.ts";
import { testControllerFaults } from "./faults.ts";

testControllerFaults(
  "journal",
  async (t) => {
    const directory = await directoryOf(t);
    const engine = await openJournal({ directory });
    atEnd(t, () => engine.close());
    return { store: { engine, fleet: "prod" }, how: { kind: "journal", directory } };
  },
  { timeout: 180_000, skip: false },
);
