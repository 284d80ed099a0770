import { startEtcd } from "../../../support/etcd.ts";
import { partSkipReason } from "../../../support/lab-parts.ts";
import { testEngine } from "../conformance.ts";
import { openEtcd } from "../open-engine.ts";

testEngine(
  "etcd",
  async () => {
    const etcd = await startEtcd();
    return {
      open: () => openEtcd({ endpoints: etcd.endpoints }),
      compact: etcd.compact,
      elsewhere: { kind: "etcd", endpoints: etcd.endpoints },
      stop: etcd.stop,
    };
  },
  partSkipReason("etcd"),
);
