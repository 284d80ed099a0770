// The receiver of spans, as built, in a process of its own, so that what it costs can be told. One JSON line on stdout
// at the start and for each line on stdin; ends with that.
import { createInterface } from "node:readline";
import type { EvidenceSink } from "../../../src/agent/evidence/evidence-sink.ts";

const built = "../../../dist";
const [
  { healthRoutes },
  { listenHttp },
  { createPeerTrust },
  { createTraceReceiver },
  { createClock },
  { createPeerOwners },
] = (await Promise.all(
  [
    "edge/health-routes",
    "edge/http-server",
    "edge/peer-trust",
    "edge/traces/trace-receiver",
    "host/clock",
    "host/peer-owner",
  ].map((name) => import(`${built}/${name}.js`)),
)) as [
  typeof import("../../../src/edge/health-routes.ts"),
  typeof import("../../../src/edge/http-server.ts"),
  typeof import("../../../src/edge/peer-trust.ts"),
  typeof import("../../../src/edge/traces/trace-receiver.ts"),
  typeof import("../../../src/host/clock.ts"),
  typeof import("../../../src/host/peer-owner.ts"),
];

const counts = { requests: 0, pulls: 0, notices: 0 };
const sink: EvidenceSink = {
  request: () => void counts.requests++,
  pull: () => void counts.pulls++,
  notice: () => void counts.notices++,
  witnessed() {},
  logged() {},
  probed() {},
  source() {},
};
const log = {
  debug() {},
  info() {},
  warn() {},
  error: (fields: object) => process.stderr.write(JSON.stringify(fields)),
};
const trustOf = createPeerTrust({
  ownerOfPeer: createPeerOwners().ownerOf,
  ownUid: process.getuid?.() ?? -1,
});
const watched = [{ namespace: "gcr.io", mirrors: ["http://127.0.0.1:5000"], upstream: "allow" as const }];
const receiver = createTraceReceiver({
  sink,
  watched: () => watched,
  witnessHost: () => undefined,
  trustOf,
  clock: createClock(),
  log,
});
const { address, close } = await listenHttp({
  address: "127.0.0.1:0",
  metricsAddress: undefined,
  allowedHosts: [],
  routes: [receiver.route, ...healthRoutes([])],
  trustOf,
  log,
});
const report = (): void => {
  const { user, system } = process.cpuUsage();
  const cpuMs = (user + system) / 1000;
  const { rss } = process.memoryUsage();
  const maxRss = process.resourceUsage().maxRSS * 1024;
  process.stdout.write(
    `${JSON.stringify({ address, cpuMs, rss, maxRss, ...counts, ...receiver.stats() })}\n`,
  );
};
report();
createInterface({ input: process.stdin })
  .on("line", report)
  .on("close", () => void close());
