import assert from "node:assert/strict";
import { existsSync, rmSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { PassContext } from "../../src/agent/pass-context.ts";
import { type Files, HostError } from "../../src/agent/ports.ts";
import { restore } from "../../src/agent/restore.ts";
import { TRIAL_MS } from "../../src/agent/trial.ts";
import { parseContainerdVersion } from "../../src/core/containerd/version.ts";
import { OWNERSHIP_MARKER } from "../../src/core/file-tree.ts";
import { desired, registry } from "./desired.ts";
import { CERTS_D, CONFIG, createTestNode, DROP_IN, type TestNode } from "./test-node.ts";

const M1 = "http://127.0.0.1:5001";
const OLD = "version = 2\n";
const HOUR = 3_600_000;
const STATE = desired(registry("gcr.io", [M1]));
const ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

/** A node whose containerd can export traces and knows no mirror yet. */
async function withNode(body: (node: TestNode) => Promise<void>, version = "2.1.9"): Promise<void> {
  const node = createTestNode(version);
  try {
    node.containerd.hasExporter = true;
    node.write(CONFIG, OLD);
    await node.containerd.restart(new AbortController().signal);
    node.containerd.restarts = 0;
    await body(node);
  } finally {
    node.remove();
  }
}

/** The same after a pass that has put everything in force, an hour later. */
async function withTraces(body: (node: TestNode) => Promise<void>): Promise<void> {
  await withNode(async (node) => {
    await node.pass(STATE);
    assert.ok(node.read(DROP_IN));
    node.clock.advance(HOUR);
    node.containerd.restarts = 0;
    await body(node);
  });
}

const types = ({ conditions }: { readonly conditions: readonly { readonly type: string }[] }) =>
  conditions.map(({ type }) => type);

test("a fresh node: one restart for config.toml and traces together", async () => {
  await withNode(async (node) => {
    const report = await node.pass(STATE);
    assert.deepEqual(types(report), ["Ready"]);
    assert.equal(node.containerd.restarts, 1);
    assert.equal(report.tracing?.state, "on");
    assert.deepEqual(
      report.restarts.map(({ reason }) => reason),
      ["config"],
    );
    const dropIn = node.read(DROP_IN) ?? "";
    assert.ok(dropIn.startsWith(`${OWNERSHIP_MARKER}\n`));
    assert.match(
      dropIn,
      /^\[Service\]\nEnvironment=OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http:\/\/127\.0\.0\.1:9478\/v1\/traces$/m,
    );
    assert.match(node.containerd.running ?? "", /config_path/);
    const record = node.read(`${node.config.stateDir}/apply-record.json`);
    const again = await node.pass(STATE);
    assert.equal(again.outcome, "unchanged");
    assert.equal(again.tracing?.state, "on");
    assert.equal(node.read(`${node.config.stateDir}/apply-record.json`), record, "nothing is written");
    assert.equal(node.containerd.restarts, 1);
  });
});

test("a node that is configured already: one restart, for traces", async () => {
  await withNode(async (node) => {
    node.containerd.hasExporter = false;
    assert.equal((await node.pass(STATE)).tracing?.state, "unavailable");
    assert.equal(node.read(DROP_IN), undefined);
    node.clock.advance(HOUR);
    node.containerd.hasExporter = true;
    const { steps, diffs, tracing } = await node.dryRun(STATE);
    assert.deepEqual(
      steps.map(({ kind }) => kind),
      ["switch-traces", "restart-containerd"],
    );
    assert.match(diffs[0]?.diff ?? "", /\+Environment=OTEL_EXPORTER_OTLP_TRACES_ENDPOINT/);
    assert.equal(tracing?.state, "pending");
    const report = await node.pass(STATE);
    assert.deepEqual(report.restarts, [{ reason: "traces", outcome: "ok" }]);
    assert.equal(report.tracing?.state, "on");
    assert.equal(node.containerd.restarts, 2);
    assert.deepEqual((await node.dryRun(STATE)).steps, []);
  });
});

test("traces wait for the restart budget, and mirrors do not wait for them", async () => {
  await withNode(async (node) => {
    node.containerd.hasExporter = false;
    await node.pass(STATE);
    node.containerd.hasExporter = true;
    const waiting = await node.pass(desired(registry("gcr.io", [M1]), registry("quay.io", [M1])));
    assert.deepEqual(types(waiting), ["Ready"]);
    assert.equal(waiting.tracing?.state, "pending");
    assert.ok(node.read(`${CERTS_D}/quay.io/hosts.toml`));
    assert.equal(node.read(DROP_IN), undefined);
    assert.equal(node.containerd.restarts, 1);
    node.clock.advance(TRIAL_MS);
    assert.equal(
      (await node.pass(desired(registry("gcr.io", [M1]), registry("quay.io", [M1])))).tracing?.state,
      "on",
    );
    assert.equal(node.containerd.restarts, 2);
  });
});

for (const [version, why] of [
  ["1.6.20", /do not show its requests/],
  ["1.6.39", /do not show its requests/],
] as const)
  test(`no restart for a containerd that gains nothing by it: ${version}`, async () => {
    await withNode(async (node) => {
      const report = await node.pass(STATE);
      assert.deepEqual(types(report), ["Ready"]);
      assert.equal(report.tracing?.state, "unavailable");
      assert.match(report.tracing?.message ?? "", why);
      assert.equal(node.read(DROP_IN), undefined);
      node.clock.advance(HOUR);
      await node.pass(STATE);
      assert.equal(node.containerd.restarts, 1, "for config_path");
    }, version);
  });

test("an agent whose port is not known beforehand, and a restart command that names no unit, have no traces", async () => {
  for (const flag of ["http.address=127.0.0.1:0", "containerd.restart=/usr/local/bin/restart-containerd"])
    await withTraces(async (node) => {
      node.configure(flag);
      const report = await node.pass(STATE);
      assert.equal(report.tracing?.state, "unavailable", flag);
      assert.deepEqual(types(report), ["Ready"]);
    });
});

test("a unit that is not containerd's own gets its environment only where somebody has asked for it", async () => {
  const k3s = "containerd.restart=systemctl restart k3s.service";
  const dropIn = DROP_IN.replace("containerd.service.d", "k3s.service.d");
  await withNode(async (node) => {
    node.configure(k3s);
    const report = await node.pass(STATE);
    assert.deepEqual(types(report), ["Ready"]);
    assert.equal(report.tracing?.state, "unavailable");
    assert.match(report.tracing?.message ?? "", /restarts k3s\.service.*set evidence\.traces = true/);
    assert.equal(node.read(dropIn), undefined);
    node.clock.advance(HOUR);
    node.configure(k3s, "evidence.traces=true");
    await node.pass(STATE);
    assert.match(node.read(dropIn) ?? "", /OTEL_EXPORTER/);
    node.clock.advance(HOUR);
    node.configure(k3s);
    await node.pass(STATE);
    assert.equal(node.read(dropIn), undefined, "no longer asked for");
  });
  await withNode(async (node) => {
    node.configure(k3s);
    assert.equal((await node.pass(STATE)).tracing?.state, "on", "config.toml is containerd's alone");
  }, "1.7.15");
});

test("off: the drop-in goes, by one restart", async () => {
  await withTraces(async (node) => {
    node.configure("evidence.traces=false");
    const report = await node.pass(STATE);
    assert.deepEqual(types(report), ["Ready"]);
    assert.equal(report.tracing?.state, "off");
    assert.equal(node.read(DROP_IN), undefined);
    assert.equal(node.containerd.restarts, 1);
    assert.deepEqual(await node.containerd.tracesEnvironment(), {});
    node.clock.advance(HOUR);
    assert.equal((await node.pass(STATE)).outcome, "unchanged");
    assert.equal(node.containerd.restarts, 1);
  });
});

test("off that did not work is tried again when a person asks, and not before", async () => {
  await withTraces(async (node) => {
    node.configure("evidence.traces=false");
    node.containerd.refuseStart = "start script: not now";
    assert.equal((await node.pass(STATE)).outcome, "rolled-back");
    node.containerd.refuseStart = undefined;
    node.clock.advance(HOUR);
    const report = await node.pass(STATE);
    assert.match(report.tracing?.message ?? "", /or by mirrorlet apply: .*not now/);
    assert.ok(node.read(DROP_IN));
    assert.equal((await node.pass(STATE, { retryQuarantined: true })).tracing?.state, "off");
    assert.equal(node.read(DROP_IN), undefined);
  });
});

test("restore takes the drop-in away with the rest, by one restart", async () => {
  await withTraces(async (node) => {
    const result = await restore(node.context());
    assert.equal(result.ok, true);
    assert.equal(node.read(DROP_IN), undefined);
    assert.equal(node.read(CONFIG), OLD);
    assert.equal(node.containerd.restarts, 1);
    assert.deepEqual(await node.containerd.tracesEnvironment(), {});
  });
});

test("the directory of the drop-in goes with it, unless somebody else has something there", async () => {
  const directory = DROP_IN.slice(0, DROP_IN.lastIndexOf("/"));
  for (const theirs of [undefined, `${directory}/10-limits.conf`])
    await withTraces(async (node) => {
      if (theirs !== undefined) node.write(theirs, "[Service]\nLimitNOFILE=5\n");
      await node.containerd.reloadUnits();
      assert.equal((await restore(node.context())).ok, true);
      assert.equal(node.read(DROP_IN), undefined);
      assert.equal(existsSync(join(node.root, directory)), theirs !== undefined);
    });
});

test("the port of the agent changes: the drop-in follows, by one restart", async () => {
  await withTraces(async (node) => {
    node.configure("http.address=127.0.0.1:9999");
    const report = await node.pass(STATE);
    assert.equal(report.tracing?.state, "on");
    assert.deepEqual(report.drift, []);
    assert.match(node.read(DROP_IN) ?? "", /127\.0\.0\.1:9999/);
    assert.equal(node.containerd.restarts, 1);
  });
});

test("another place for the file: the old one goes with the new one", async () => {
  await withTraces(async (node) => {
    node.configure("containerd.environment_file=/etc/default/containerd-traces");
    await node.pass(STATE);
    assert.equal(node.read(DROP_IN), undefined);
    assert.match(node.read("/etc/default/containerd-traces") ?? "", /^OTEL_TRACES_SAMPLER=always_on$/m);
    assert.equal(node.containerd.restarts, 0, "containerd runs with the right environment");
  });
});

test("an exporter that is configured already is left alone and told", async () => {
  const variables = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318",
    [ENDPOINT]: "http://collector:4318/v1/traces",
    OTEL_TRACES_EXPORTER: "none",
    OTEL_SDK_DISABLED: "true",
  };
  for (const [name, value] of Object.entries(variables))
    await withNode(async (node) => {
      node.containerd.environment = { [name]: value };
      await node.containerd.restart(new AbortController().signal);
      node.containerd.restarts = 0;
      const report = await node.pass(STATE);
      assert.equal(report.tracing?.state, "unavailable", name);
      assert.deepEqual(
        report.issues.map(({ code, severity, at }) => [code, severity, at.file]),
        [["containerd-traces-exporter", "warning", name]],
      );
      assert.ok(!JSON.stringify(report).includes("collector"), "its address is nobody's business");
      assert.deepEqual(types(report), ["Ready"]);
      assert.equal(report.inSync, true);
      assert.equal(node.read(DROP_IN), undefined);
      assert.equal(node.containerd.restarts, 1, "for config_path");
    });
});

test("an exporter in config.toml is left alone, whether or not this containerd reads it", async () => {
  for (const version of ["1.7.24", "2.1.9"])
    await withNode(async (node) => {
      node.write(
        CONFIG,
        `${OLD}[plugins."io.containerd.tracing.processor.v1.otlp"]\n  endpoint = "http://collector:4318"\n`,
      );
      const report = await node.pass(STATE);
      assert.equal(report.tracing?.state, "unavailable");
      assert.deepEqual(
        report.issues.map(({ code, at }) => [code, at.file, at.line]),
        [["containerd-traces-exporter", CONFIG, 3]],
      );
      assert.equal(node.read(DROP_IN), undefined);
    }, version);
});

test("somebody configures an exporter later: ours makes way, and is not in force before that", async () => {
  await withTraces(async (node) => {
    node.containerd.environment = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };
    await node.containerd.restart(new AbortController().signal);
    node.containerd.restarts = 0;
    const report = await node.pass(STATE);
    assert.equal(report.tracing?.state, "unavailable");
    assert.equal(node.read(DROP_IN), undefined);
    assert.equal(node.containerd.restarts, 1, "theirs is hidden by ours until then");
    assert.deepEqual(Object.keys((await node.containerd.tracesEnvironment()) ?? {}), [
      "OTEL_EXPORTER_OTLP_ENDPOINT",
    ]);
    node.clock.advance(HOUR);
    await node.pass(STATE);
    assert.equal(node.containerd.restarts, 1);
  });
});

test("a file of others in our place is never written over", async () => {
  await withNode(async (node) => {
    node.write(DROP_IN, "[Service]\nLimitNOFILE=5\n");
    const report = await node.pass(STATE);
    assert.equal(report.tracing?.state, "unavailable");
    assert.deepEqual(
      report.issues.map(({ code, at }) => [code, at.file]),
      [["containerd-traces-foreign-file", DROP_IN]],
    );
    assert.equal(node.read(DROP_IN), "[Service]\nLimitNOFILE=5\n");
    node.configure("evidence.traces=false");
    await node.pass(STATE);
    assert.equal(node.read(DROP_IN), "[Service]\nLimitNOFILE=5\n");
    assert.equal((await restore(node.context())).ok, true);
    assert.equal(node.read(DROP_IN), "[Service]\nLimitNOFILE=5\n");
  });
});

test("a drop-in that somebody changed is put right, without a restart while containerd runs with the right one", async () => {
  await withTraces(async (node) => {
    const whole = node.read(DROP_IN);
    node.write(DROP_IN, `${OWNERSHIP_MARKER}\n[Service]\n`);
    await node.containerd.reloadUnits();
    const report = await node.pass(STATE);
    assert.equal(report.outcome, "repaired");
    assert.match(report.drift[0]?.diff ?? "", /\+Environment=OTEL_TRACES_SAMPLER/);
    assert.equal(node.read(DROP_IN), whole);
    assert.equal(report.tracing?.state, "on");
    assert.equal(node.containerd.restarts, 0);
    await node.containerd.restart(new AbortController().signal);
    assert.ok(ENDPOINT in ((await node.containerd.tracesEnvironment()) ?? {}), "systemd has read it again");
  });
});

test("a drop-in that is gone from the containerd that runs as well comes back by one restart", async () => {
  await withTraces(async (node) => {
    node.write(DROP_IN, `${OWNERSHIP_MARKER}\n`);
    await node.containerd.reloadUnits();
    await node.containerd.restart(new AbortController().signal);
    node.containerd.restarts = 0;
    const report = await node.pass(STATE);
    assert.equal(report.tracing?.state, "on");
    assert.equal(node.containerd.restarts, 1);
  });
});

test("a drop-in that somebody rewrites again and again is left to them for a while", async () => {
  await withTraces(async (node) => {
    let contested = 0;
    for (let round = 0; round < 12; round += 1) {
      node.write(DROP_IN, `${OWNERSHIP_MARKER}\n# again\n`);
      await node.containerd.reloadUnits();
      const report = await node.pass(STATE);
      if (report.conditions.some(({ type, message }) => type === "Contested" && message.includes(DROP_IN)))
        contested += 1;
      node.clock.advance(10_000);
    }
    assert.ok(contested >= 5, `${contested} of 12`);
    assert.equal(node.containerd.restarts, 0);
  });
});

test("traces alone do not work: they are taken back, mirrors stay, and nothing is tried again until something changes", async () => {
  await withNode(async (node) => {
    node.containerd.hasExporter = false;
    await node.pass(STATE);
    const before = node.snapshot();
    node.clock.advance(HOUR);
    node.containerd.restarts = 0;
    node.containerd.hasExporter = true;
    node.containerd.refuseTraces = "start script: cannot take that";
    const report = await node.pass(STATE);
    assert.equal(report.outcome, "rolled-back");
    assert.deepEqual(types(report), ["Ready", "RolledBack"]);
    assert.match(report.conditions[1]?.message ?? "", /cannot take that/);
    assert.equal(report.tracing?.state, "unavailable");
    assert.match(report.tracing?.message ?? "", /cannot take that/);
    const { "/etc/systemd": _1, "/etc/systemd/system": _2, ...after } = node.snapshot();
    assert.deepEqual(after, before);
    assert.equal(node.containerd.restarts, 2, "once forward, once back");
    assert.deepEqual(await node.containerd.tracesEnvironment(), {});
    for (let round = 0; round < 3; round += 1) {
      node.clock.advance(HOUR);
      const again = await node.pass({ ...STATE, generation: round + 2 });
      assert.deepEqual(types(again), ["Ready", "RolledBack"]);
    }
    assert.equal(node.containerd.restarts, 2, "no restart loop, not even for another desired state");
    node.containerd.refuseTraces = undefined;
    const byHand = await node.pass(STATE, { retryQuarantined: true });
    assert.deepEqual(types(byHand), ["Ready"]);
    assert.equal(byHand.tracing?.state, "on");
  });
});

test("both at once do not work because of the traces: the mirrors get in without them", async () => {
  await withNode(async (node) => {
    node.containerd.refuseTraces = "no";
    const first = await node.pass(STATE);
    assert.equal(first.outcome, "rolled-back");
    assert.deepEqual(types(first), ["RolledBack", "Reconciling"]);
    assert.equal(node.read(CONFIG), OLD);
    assert.equal(node.read(DROP_IN), undefined);
    assert.equal(node.containerd.restarts, 2);
    node.clock.advance((first.retryMs ?? 0) + 1);
    const second = await node.pass(STATE);
    assert.deepEqual(types(second), ["Ready", "RolledBack"]);
    assert.match(node.containerd.running ?? "", /config_path/);
    assert.equal(node.containerd.restarts, 3);
    for (let round = 0; round < 3; round += 1) {
      node.clock.advance(HOUR);
      await node.pass(STATE);
    }
    assert.equal(
      node.containerd.restarts,
      3,
      "our own change of config.toml is no reason to try traces again",
    );
    node.write(CONFIG, `${node.read(CONFIG)}# mended\n`);
    node.containerd.refuseTraces = undefined;
    assert.equal((await node.pass(STATE)).tracing?.state, "on");
  });
});

test("both at once do not work because of config.toml: after a try without the traces it is given up", async () => {
  await withNode(async (node) => {
    const { containerd } = node;
    Object.defineProperty(containerd, "trouble", {
      get: () => (containerd.running?.includes("config_path") ? "no snapshotter" : undefined),
    });
    const first = await node.pass(STATE);
    assert.deepEqual(types(first), ["RolledBack", "Reconciling"]);
    node.clock.advance((first.retryMs ?? 0) + 1);
    const second = await node.pass(STATE);
    assert.deepEqual(types(second), ["RolledBack", "Stalled"]);
    assert.match(second.conditions[0]?.message ?? "", /no snapshotter/);
    assert.equal(node.read(CONFIG), OLD);
    assert.equal(node.read(DROP_IN), undefined);
    for (let round = 0; round < 3; round += 1) {
      node.clock.advance(HOUR);
      await node.pass(STATE);
    }
    assert.equal(containerd.restarts, 4, "no restart loop");
  });
});

test("hands off while containerd is not well after everything was put back, traces included", async () => {
  await withNode(async (node) => {
    node.containerd.trouble = "no snapshotter";
    const advice = /: see its journal, mend it and restart it; mirrorlet goes on once it is well$/;
    const { conditions } = await node.pass(STATE);
    assert.deepEqual(types({ conditions }), ["RolledBack", "Degraded"]);
    assert.match(conditions[1]?.message ?? "", advice);
    assert.equal(node.read(CONFIG), OLD);
    assert.equal(node.read(DROP_IN), undefined);
    for (let round = 0; round < 3; round += 1) {
      node.clock.advance(HOUR);
      const again = await node.pass(desired(registry("gcr.io", [M1])));
      assert.match(again.conditions.find(({ type }) => type === "Degraded")?.message ?? "", advice);
    }
    assert.equal(node.containerd.restarts, 2);
    node.containerd.trouble = undefined;
    node.clock.advance(HOUR);
    const mended = await node.pass(STATE);
    assert.deepEqual(
      types(mended),
      ["Ready", "RolledBack"],
      "mirrors at once, traces when something changes",
    );
  });
});

test("a drop-in that cannot be read or written, or that systemd does not take, keeps no mirror from being applied", async () => {
  const readOnly = new HostError("read-only", DROP_IN, "cannot write: EROFS", { retryable: false });
  const faults: readonly (readonly [string, (node: TestNode) => Partial<PassContext>])[] = [
    [
      "a file stands where one of its directories belongs",
      (node) => {
        node.write("/etc/systemd/system", "");
        return {};
      },
    ],
    [
      "Access denied",
      (node) => {
        node.containerd.refuseReload = "Failed to reload daemon: Access denied";
        return {};
      },
    ],
    [
      "EROFS",
      (node) => {
        const { ports } = node.context();
        const replace: Files["replace"] = async (path, ...rest) => {
          if (path === DROP_IN) throw readOnly;
          await ports.files.replace(path, ...rest);
        };
        return { ports: { ...ports, files: { ...ports.files, replace } } };
      },
    ],
  ];
  for (const [words, fault] of faults)
    await withNode(async (node) => {
      const overrides = fault(node);
      for (let pass = 0; pass < 2; pass += 1) {
        const report = await node.pass(STATE, overrides);
        assert.deepEqual(types(report), ["Ready"], JSON.stringify(report));
        assert.equal(report.tracing?.state, "unavailable");
        assert.ok(report.tracing?.message.includes(words), report.tracing?.message);
        assert.match(node.containerd.running ?? "", /config_path/);
        assert.equal(existsSync(join(node.root, DROP_IN)), false);
        node.clock.advance(HOUR);
      }
      assert.equal(node.containerd.restarts, 1);
    });
});

test("what systemd does not take is not tried at every pass, but after a while, and when a person asks", async () => {
  await withNode(async (node) => {
    await node.pass(STATE);
    node.clock.advance(HOUR);
    node.configure("http.address=127.0.0.1:9500");
    node.containerd.refuseReload = "Failed to connect to bus";
    const tries = async (overrides: Partial<PassContext> = {}): Promise<boolean> => {
      const { tracing, done } = await node.pass(STATE, overrides);
      assert.ok(tracing?.message.includes("Failed to connect to bus"), tracing?.message);
      assert.deepEqual(done, []);
      return tracing?.state === "unavailable";
    };
    const tried = [await tries(), await tries(), await tries({ retryQuarantined: true }), await tries()];
    assert.deepEqual(tried, [true, false, true, false]);
    node.clock.advance(HOUR);
    assert.equal(await tries(), true);
    node.containerd.refuseReload = undefined;
    node.clock.advance(HOUR);
    assert.equal((await node.pass(STATE)).tracing?.state, "on");
    assert.match(node.read(DROP_IN) ?? "", /9500/);
    assert.doesNotMatch(node.read(`${node.config.stateDir}/apply-record.json`) ?? "", /tracesTrouble/);
  });
});

test("a containerd that does not get the environment is well, is told of, and is not restarted for it again", async () => {
  await withNode(async (node) => {
    node.containerd.losesEnvironment = true;
    const report = await node.pass(STATE);
    assert.deepEqual(types(report), ["Ready"]);
    assert.equal(report.tracing?.state, "unavailable");
    assert.match(
      report.tracing?.message ?? "",
      /OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is not in its environment/,
    );
    node.clock.advance(HOUR);
    const again = await node.pass(STATE);
    assert.deepEqual(
      again.issues.map(({ code }) => code),
      ["containerd-traces-no-effect"],
    );
    assert.equal(node.containerd.restarts, 1);
    node.containerd.losesEnvironment = false;
    await node.containerd.restart(new AbortController().signal);
    const mended = await node.pass(STATE);
    assert.equal(mended.tracing?.state, "on");
    assert.deepEqual(mended.issues, []);
  });
});

test("traces never put in force what somebody else has left in config.toml, nor disturb a containerd that is not well", async () => {
  await withNode(async (node) => {
    node.containerd.hasExporter = false;
    await node.pass(STATE);
    node.clock.advance(HOUR);
    node.containerd.restarts = 0;
    node.containerd.hasExporter = true;
    node.containerd.started = Date.now() - HOUR;
    assert.match((await node.pass(STATE)).tracing?.message ?? "", /changed after containerd started/);
    utimesSync(join(node.root, CONFIG), 0, 0);
    node.containerd.runningVersion = "2.0.5";
    assert.match(
      (await node.pass(STATE)).tracing?.message ?? "",
      /2\.1\.9 is installed and 2\.0\.5 still runs/,
    );
    node.containerd.runningVersion = undefined;
    node.containerd.trouble = "no snapshotter";
    assert.match(
      (await node.pass(STATE)).tracing?.message ?? "",
      /as long as it is not well: .*no snapshotter/,
    );
    node.containerd.trouble = undefined;
    const good = node.read(CONFIG) ?? "";
    node.write(CONFIG, `${good}[broken\n`);
    utimesSync(join(node.root, CONFIG), 0, 0);
    assert.match((await node.pass(STATE)).tracing?.message ?? "", /until .*config\.toml is put right/);
    assert.equal(node.containerd.restarts, 0);
    node.write(CONFIG, good);
    utimesSync(join(node.root, CONFIG), 0, 0);
    assert.equal((await node.pass(STATE)).tracing?.state, "on");
    assert.equal(node.containerd.restarts, 1);
  });
});

const CONFIG_DEFAULT = `${OLD}[plugins."io.containerd.tracing.processor.v1.otlp"]
  endpoint = "" # none
  insecure = false
`;

test("a containerd that reads config.toml alone is told there, in the one edit and the one restart for both", async () => {
  await withNode(async (node) => {
    node.write(CONFIG, CONFIG_DEFAULT);
    const { steps } = await node.dryRun(STATE);
    assert.deepEqual(
      steps.map(({ kind }) => kind),
      ["create-directories", "edit-config", "switch-traces", "restart-containerd"],
    );
    const report = await node.pass(STATE);
    assert.deepEqual(types(report), ["Ready"]);
    assert.equal(report.tracing?.state, "on");
    assert.match(node.read(CONFIG) ?? "", /endpoint = "http:\/\/127\.0\.0\.1:9478" # none/);
    assert.match(node.read(CONFIG) ?? "", /config_path/);
    assert.equal(node.read(DROP_IN), undefined);
    assert.equal(node.containerd.restarts, 1);
    node.clock.advance(HOUR);
    assert.equal((await node.pass(STATE)).outcome, "unchanged");
    node.configure("http.address=127.0.0.1:9999");
    assert.equal((await node.pass(STATE)).tracing?.state, "on");
    assert.match(node.read(CONFIG) ?? "", /127\.0\.0\.1:9999/);
    assert.equal(node.containerd.restarts, 2);
    node.clock.advance(HOUR);
    node.configure("evidence.traces=false");
    const off = await node.pass(STATE);
    assert.equal(off.tracing?.state, "off");
    assert.match(node.read(CONFIG) ?? "", /endpoint = "" # none/);
    assert.equal(node.containerd.restarts, 3);
    node.clock.advance(HOUR);
    assert.equal((await node.pass(STATE)).outcome, "unchanged");
    assert.equal((await restore(node.context())).ok, true);
    assert.equal(node.read(CONFIG), CONFIG_DEFAULT);
  }, "1.7.15");
});

test("a receiver in config.toml that nothing says is ours any more is left alone and told, until it is removed", async () => {
  await withNode(async (node) => {
    await node.pass(STATE);
    const [before, restarts] = [node.read(CONFIG) ?? "", node.containerd.restarts];
    rmSync(join(node.root, node.config.stateDir), { recursive: true });
    node.clock.advance(HOUR);
    node.configure("http.address=127.0.0.1:9999");
    const report = await node.pass(STATE);
    assert.deepEqual(types(report), ["Ready"]);
    assert.equal(report.tracing?.state, "unavailable");
    const line = before.split("\n").findIndex((text) => text.includes("127.0.0.1:9478")) + 1;
    assert.deepEqual(
      report.issues.map(({ code, at }) => [code, at.file, at.line]),
      [["containerd-traces-exporter", CONFIG, line]],
    );
    assert.match(report.issues[0]?.fix ?? "", /remove it to have the traces sent to the agent/);
    assert.equal(node.read(CONFIG), before);
    assert.equal(node.containerd.restarts, restarts);
    node.write(CONFIG, before.replace(/^.*127\.0\.0\.1:9478.*\n/m, ""));
    node.clock.advance(HOUR);
    assert.equal((await node.pass(STATE)).tracing?.state, "on");
    assert.match(node.read(CONFIG) ?? "", /127\.0\.0\.1:9999/);
  }, "1.7.15");
});

test("traces in config.toml alone wait for the budget, and are left out when they do not work", async () => {
  await withNode(async (node) => {
    node.containerd.hasExporter = false;
    await node.pass(STATE);
    const before = node.read(CONFIG);
    node.containerd.hasExporter = true;
    const waiting = await node.pass({ ...STATE, generation: 2 });
    assert.deepEqual(types(waiting), ["Ready"]);
    assert.equal(waiting.tracing?.state, "pending");
    assert.equal(node.read(CONFIG), before);
    node.clock.advance(TRIAL_MS);
    node.containerd.restarts = 0;
    node.containerd.refuseStart = "cannot take that";
    const refused = await node.pass(STATE);
    assert.ok(types(refused).includes("RolledBack"));
    assert.equal(node.read(CONFIG), before);
    for (let round = 0; round < 3; round += 1) {
      node.clock.advance(HOUR);
      const again = await node.pass(STATE);
      assert.deepEqual(types(again), ["Ready", "RolledBack"]);
      assert.equal(again.tracing?.state, "unavailable");
    }
    assert.equal(node.containerd.restarts, 2, "once forward, once back");
  }, "1.7.15");
});

test("both at once in config.toml do not work because of the traces: the mirrors get in without them", async () => {
  await withNode(async (node) => {
    const { containerd } = node;
    Object.defineProperty(containerd, "trouble", {
      get: () => (containerd.running?.includes("9478") ? "no" : undefined),
    });
    const first = await node.pass(STATE);
    assert.deepEqual(types(first), ["RolledBack", "Reconciling"]);
    assert.equal(node.read(CONFIG), OLD);
    node.clock.advance((first.retryMs ?? 0) + 1);
    assert.deepEqual(types(await node.pass(STATE)), ["Ready", "RolledBack"]);
    assert.match(containerd.running ?? "", /config_path/);
    assert.equal(containerd.restarts, 3);
  }, "1.7.15");
});

test("a containerd that has learned to look at its environment gets the drop-in, and config.toml its old words", async () => {
  await withNode(async (node) => {
    await node.pass(STATE);
    assert.match(node.read(CONFIG) ?? "", /9478/);
    node.clock.advance(HOUR);
    node.containerd.version = async () => parseContainerdVersion("1.7.24");
    node.containerd.runningVersion = "1.7.24";
    const report = await node.pass(STATE);
    assert.equal(report.tracing?.state, "on", JSON.stringify(report));
    assert.ok(node.read(DROP_IN));
    assert.doesNotMatch(node.read(CONFIG) ?? "", /9478/);
    assert.equal(node.containerd.restarts, 2);
    node.clock.advance(HOUR);
    assert.deepEqual((await node.dryRun(STATE)).steps, []);
  }, "1.7.15");
});

test("apply --no-restart writes both, and the next pass that may restart does it once for both", async () => {
  await withNode(async (node) => {
    const report = await node.pass(STATE, { mayRestart: false });
    assert.deepEqual(types(report), ["Reconciling"]);
    assert.match(report.conditions[0]?.message ?? "", /config\.toml and .*traces\.conf are written/);
    assert.equal(report.tracing?.state, "pending");
    assert.ok(node.read(DROP_IN));
    await node.pass(STATE, { mayRestart: false });
    assert.equal(node.containerd.restarts, 0);
    const next = await node.pass(STATE);
    assert.deepEqual(types(next), ["Ready"]);
    assert.equal(next.tracing?.state, "on");
    assert.equal(node.containerd.restarts, 1);
  });
});

test("what somebody has changed in containerd's unit is not put in force with ours: traces wait, mirrors do not", async () => {
  await withNode(async (node) => {
    node.containerd.unitEdited = true;
    const plan = await node.dryRun(STATE);
    assert.ok(plan.steps.every(({ kind }) => kind !== "switch-traces"));
    for (const overrides of [{}, { retryQuarantined: true }]) {
      const report = await node.pass(STATE, overrides);
      assert.deepEqual(types(report), ["Ready"]);
      assert.equal(report.tracing?.state, "pending");
      assert.deepEqual(
        report.issues.map(({ code, severity, at }) => [code, severity, at.file]),
        [["containerd-unit-unread", "warning", "containerd.service"]],
      );
      assert.equal(node.read(DROP_IN), undefined);
      assert.equal(node.containerd.unitEdited, true, "systemd has not been told to read it");
      assert.equal(node.containerd.restarts, 1, "for config_path");
      node.clock.advance(HOUR);
    }
    await node.containerd.reloadUnits();
    const report = await node.pass(STATE);
    assert.equal(report.tracing?.state, "on");
    assert.deepEqual(report.issues, []);
    assert.equal(node.containerd.restarts, 2);
  });
});

test("a restart that was put off does not have systemd read what somebody has changed since", async () => {
  await withNode(async (node) => {
    await node.pass(STATE, { mayRestart: false });
    node.containerd.unitEdited = true;
    await node.pass(STATE, { mayRestart: false });
    const report = await node.pass(STATE);
    assert.equal(report.tracing?.state, "on", JSON.stringify(report));
    assert.equal(node.containerd.restarts, 1);
    assert.equal(node.containerd.unitEdited, true);
  });
});

test("restore does not have systemd read what somebody has changed, and says what is left to do", async () => {
  await withTraces(async (node) => {
    node.containerd.unitEdited = true;
    const result = await restore(node.context());
    assert.equal(result.ok, false);
    assert.match(result.ok ? "" : result.message, /run systemctl daemon-reload and restart containerd/);
    assert.equal(node.read(DROP_IN), undefined);
    assert.equal(node.containerd.unitEdited, true);
    assert.equal((await restore(node.context())).ok, true, "nothing is left to put back");
  });
});

test("a file that could not be put right is not recorded as being in force", async () => {
  await withTraces(async (node) => {
    const recorded = (): { readonly traces?: { readonly digest: string; readonly path: string } } =>
      JSON.parse((node.read(`${node.config.stateDir}/apply-record.json`) ?? "").split("\n")[1] ?? "{}");
    const before = recorded().traces;
    // The containerd that runs is as wanted; only the place of the file changes.
    node.configure("containerd.environment_file=/etc/containerd/environment");
    const { ports } = node.context();
    const replace: Files["replace"] = async (path, ...rest) => {
      if (path === "/etc/containerd/environment")
        throw new HostError("read-only", path, "cannot write: EROFS", { retryable: false });
      await ports.files.replace(path, ...rest);
    };
    const report = await node.pass(STATE, { ports: { ...ports, files: { ...ports.files, replace } } });
    assert.equal(report.tracing?.state, "unavailable");
    assert.equal(node.containerd.restarts, 0);
    assert.ok(node.read(DROP_IN), "the old one is back");
    assert.deepEqual(recorded().traces, before);
    node.clock.advance(HOUR);
    await node.pass(STATE);
    assert.equal(node.read(DROP_IN), undefined, "the old place is not forgotten");
    assert.equal(recorded().traces?.path, "/etc/containerd/environment");
  });
});
