import type { PassReport } from "../../../src/agent/report.ts";
import { describeStatus, type LastChange, type StatusDocument } from "../../../src/agent/status-document.ts";
import type { WatchedRegistry } from "../../../src/core/evidence/evidence-report.ts";
import { createLedger, type Ledger, watchRegistries } from "../../../src/core/evidence/ledger.ts";
import {
  advanceLedger,
  recordHit,
  recordNotice,
  recordProbe,
  recordPull,
  recordSource,
} from "../../../src/core/evidence/record-evidence.ts";
import { reportEvidence } from "../../../src/core/evidence/report-evidence.ts";
import {
  digest,
  hitsOfBypass,
  notice,
  probe,
  request,
  T0,
  tracedPull,
} from "../../core/evidence/support/evidence.ts";

const second = 1000;
const minute = 60 * second;
const day = 1440 * minute;

export const REGISTRIES: readonly WatchedRegistry[] = [
  { namespace: "gcr.io", mirrors: ["https://mirror.corp.example:5000/v2/cache"], upstream: "allow" },
  {
    namespace: "docker.io",
    mirrors: ["https://mirror.corp.example:5000/v2/hub", "https://standby.corp.example:5000/v2/hub"],
    upstream: "allow",
  },
  {
    namespace: "registry.internal.example:8443",
    mirrors: ["https://mirror.corp.example:5000"],
    upstream: "never",
  },
  { namespace: "*", mirrors: ["https://mirror.corp.example:5000/v2/rest"], upstream: "allow" },
];

/** Nodes in the states that an on-call person meets. Each is at T0 plus ten minutes. */
export const STATES = {
  "just-started": () => node({ act: () => {}, report: undefined, watched: [] }),
  "nothing-proven": () => node({ act: () => {} }),
  "all-good": () => node({ act: allGood }),
  bypassed: () => node({ act: bypassed, report: withTrouble(), change: lastChange() }),
  failing: () => node({ act: failing, report: withTrouble(), change: lastChange() }),
  hostile: () => node({ act: hostile, report: hostileReport(), watched: [...REGISTRIES.slice(0, 1)] }),
  expired: () => node({ act: allGood, report: expiredReport() }),
  thousand: () => node({ act: thousand, watched: manyRegistries() }),
} satisfies Record<string, () => StatusDocument>;

const END = T0 + 10 * minute;

/** Pulls of every fate, and mirrors that are dead. */
export function createTroubledLedger(): Ledger {
  const ledger = createLedger(T0);
  watchRegistries(ledger, REGISTRIES, () => true, T0);
  bypassed(ledger);
  advanceLedger(ledger, END);
  return ledger;
}

export function passReport(changes: Partial<PassReport> = {}): PassReport {
  return {
    outcome: "unchanged",
    generation: 12,
    observedGeneration: 12,
    conditions: [{ type: "Ready", message: "the desired state is in force" }],
    issues: [],
    conflicts: [],
    drift: [],
    done: [],
    restarts: [],
    inSync: true,
    appliedMs: T0 - 3 * day,
    containerdVersion: "1.7.24",
    ownedDirectories: [],
    inputs: [],
    durationMs: 3,
    ...changes,
  };
}

/** Signed until a minute ago. */
function expiredReport(): PassReport {
  const message = "what is in force was signed until then, and this node's clock says now: it stays in force";
  return passReport({
    conditions: [
      { type: "Ready", message: "the desired state is in force" },
      { type: "Expired", message },
    ],
    signed: {
      fleet: "prod",
      channel: "stable",
      serial: 12,
      digest: "ab".repeat(32),
      keyIds: ["cd".repeat(32), "ef".repeat(32)],
      expiresMs: END - minute,
      floor: 10,
    },
  });
}

interface NodeOptions {
  readonly act: (ledger: Ledger) => void;
  readonly report?: PassReport | undefined;
  readonly change?: LastChange;
  readonly watched?: readonly WatchedRegistry[];
}

function node(options: NodeOptions): StatusDocument {
  const { act, change, watched = REGISTRIES } = options;
  const ledger = createLedger(T0);
  watchRegistries(ledger, watched, () => true, T0);
  act(ledger);
  advanceLedger(ledger, END);
  const report = "report" in options ? options.report : passReport();
  return describeStatus({
    atMs: END,
    agent: { version: "0.1.0", startedMs: T0 - 2 * day, node: "worker-7.zone-b.example" },
    report,
    containerdVersion: report?.containerdVersion,
    lastChange: change,
    evidence: reportEvidence(ledger, END),
    recentPulls: ledger.recentPulls,
  });
}

function sources(ledger: Ledger): void {
  recordSource(ledger, { source: "trace", up: true, message: "" }, T0);
  recordSource(ledger, { source: "witness", up: true, message: "" }, T0);
  recordSource(ledger, { source: "canary", up: true, message: "every 5 min" }, T0);
  recordSource(ledger, { source: "log", up: false, message: "there is no journal on this node" }, T0);
  recordSource(ledger, { source: "probe", up: true, message: "every 30 s" }, T0);
}

function probes(ledger: Ledger, dead: readonly string[] = []): void {
  for (const { namespace, mirrors } of REGISTRIES)
    for (const url of mirrors) {
      const host = new URL(url).host;
      const changes = {
        registry: namespace,
        host,
        url,
        durationsMs: { dns: 1.2, connect: 0.6, tls: 8.1, http: 2, manifest: 6.4 },
        tlsNotAfterMs: T0 + (host.startsWith("standby") ? 9 : 200) * day,
      };
      const failed = {
        failedPhase: "connect" as const,
        message:
          "no connection to mirror.corp.example:5000: connection refused; start what should listen on that port",
        failures: 14,
      };
      recordProbe(
        ledger,
        probe(
          END - 12 * second,
          !dead.includes(host),
          dead.includes(host) ? { ...changes, ...failed } : changes,
        ),
      );
    }
}

function pull(
  ledger: Ledger,
  registry: string,
  image: string,
  endedMs: number,
  path: "mirror" | "upstream" | "mixed" | "failed",
  reason?: string,
): void {
  const repository = image.split(":")[0] ?? "";
  const mirror = { registry, repository, host: "mirror.corp.example:5000" };
  const host = registry === "docker.io" ? "registry-1.docker.io" : registry;
  const upstream = { registry, repository, host, role: "upstream" as const };
  const away = path !== "mirror";
  const requests = [
    request({ ...mirror, method: "HEAD", object: "1", ...(away && path !== "mixed" ? { status: 503 } : {}) }),
    ...[..."abc"].flatMap((letter) => [
      request({
        ...mirror,
        atMs: endedMs - 500,
        kind: "blob",
        object: digest(letter),
        ...(away ? { status: 503 } : {}),
      }),
      ...(away && path !== "failed"
        ? [request({ ...upstream, atMs: endedMs - 400, kind: "blob", object: digest(letter) })]
        : []),
    ]),
  ];
  const reference = `${registry}/${image}`;
  const why = reason === undefined ? {} : { reason };
  recordPull(
    ledger,
    tracedPull(endedMs, path, { registry, repository, reference, requests, ...why }),
    endedMs + second,
  );
}

function allGood(ledger: Ledger): void {
  sources(ledger);
  probes(ledger);
  pull(ledger, "gcr.io", "google-containers/pause:3.9", T0 + minute, "mirror");
  pull(ledger, "gcr.io", "team/checkout:2026.11.3", T0 + 9 * minute, "mirror");
  pull(ledger, "docker.io", "library/nginx:1.27", T0 + 8 * minute, "mirror");
  pull(ledger, "registry.internal.example:8443", "platform/auth-proxy:4.2", T0 + 3 * minute, "mirror");
  pull(ledger, "quay.io", "prometheus/node-exporter:v1.8.2", T0 + 2 * minute, "mirror");
}

function bypassed(ledger: Ledger): void {
  allGood(ledger);
  probes(ledger, ["mirror.corp.example:5000"]);
  const reason = "mirror.corp.example:5000 answered 503";
  pull(ledger, "gcr.io", "team/checkout:2026.11.4", T0 + 9.5 * minute, "upstream", reason);
  pull(
    ledger,
    "gcr.io",
    "team/very-long-repository-name/with/several/parts/payments-reconciliation-worker:2026.11.4",
    T0 + 9.7 * minute,
    "upstream",
    reason,
  );
  pull(ledger, "docker.io", "library/nginx:1.27.3", T0 + 9.8 * minute, "mixed", reason);
  for (const one of hitsOfBypass(T0 + 9.9 * minute, { registry: "quay.io", repository: "cilium/cilium" }))
    recordHit(ledger, one, one.atMs);
  recordNotice(
    ledger,
    notice(T0 + 9.9 * minute, {
      registry: "quay.io",
      repository: "cilium/cilium",
      reference: "quay.io/cilium/cilium:v1.16.1",
    }),
    T0 + 9.9 * minute,
  );
}

function failing(ledger: Ledger): void {
  allGood(ledger);
  probes(ledger, ["mirror.corp.example:5000"]);
  pull(
    ledger,
    "registry.internal.example:8443",
    "platform/auth-proxy:4.3",
    T0 + 9.5 * minute,
    "failed",
    "mirror.corp.example:5000: dial tcp 10.0.4.20:5000: connect: connection refused",
  );
}

/** Words of others that try to be markup, and lengths that try to break the layout. */
function hostile(ledger: Ledger): void {
  sources(ledger);
  const script = `</td><script>alert(1)</script><img src=x onerror="alert(2)">`;
  recordSource(ledger, { source: "log", up: false, message: script }, T0);
  recordProbe(
    ledger,
    probe(END, false, {
      host: "mirror.corp.example:5000",
      url: REGISTRIES[0]?.mirrors[0] ?? "",
      message: `${script} https://user:hunter2@mirror/?token=hunter2`,
    }),
  );
  pull(
    ledger,
    "gcr.io",
    `${"x".repeat(250)}/${script}:1`,
    T0 + 9 * minute,
    "upstream",
    `${script} password=hunter2 ${"w".repeat(400)}`,
  );
}

function manyRegistries(): readonly WatchedRegistry[] {
  return Array.from({ length: 1000 }, (_, index) => ({
    namespace: `registry-${index}.example`,
    mirrors: [`https://mirror.corp.example:5000/v2/cache-${index}`],
    upstream: "allow" as const,
  }));
}

function thousand(ledger: Ledger): void {
  sources(ledger);
  for (let index = 0; index < 990; index++)
    pull(ledger, `registry-${index}.example`, "app:1", T0 + minute, index < 3 ? "upstream" : "mirror");
}

function withTrouble(): PassReport {
  return passReport({
    generation: 13,
    conditions: [
      {
        type: "Stalled",
        message:
          "quay.io: /etc/containerd/certs.d/quay.io/hosts.toml is not ours, so it is left as it is: remove it, or run mirrorlet apply --adopt",
      },
    ],
    conflicts: [
      { namespace: "quay.io", path: "/etc/containerd/certs.d/quay.io/hosts.toml", reason: "is not ours" },
    ],
    issues: [
      {
        code: "certificate-expires",
        severity: "warning",
        at: { file: "/etc/mirrorlet/desired-state.yaml", line: 7, column: 17 },
        message: "the certificate of standby.corp.example expires in 9 days; pulls then go to the next host",
        fix: "renew it and point caCertPath at the new one",
      },
    ],
  });
}

function hostileReport(): PassReport {
  return passReport({ conditions: [{ type: "Stalled", message: "<b>bold</b> & 'quoted' \"twice\"" }] });
}

function lastChange(): LastChange {
  return {
    atMs: T0 - 90 * minute,
    outcome: "applied",
    generation: 12,
    done: ["write /etc/containerd/certs.d/docker.io/hosts.toml"],
    changed: [
      {
        path: "/etc/containerd/certs.d/docker.io/hosts.toml",
        diff: `--- /etc/containerd/certs.d/docker.io/hosts.toml
+++ /etc/containerd/certs.d/docker.io/hosts.toml
@@ -3,5 +3,8 @@
 [host."https://mirror.corp.example:5000/v2/hub"]
   capabilities = ["pull", "resolve"]
   override_path = true
+[host."https://standby.corp.example:5000/v2/hub"]
+  capabilities = ["pull", "resolve"]
+  override_path = true
   [host."https://mirror.corp.example:5000/v2/hub".header]
-    authorization = "***"
+    authorization = "***"
`,
      },
    ],
  };
}
