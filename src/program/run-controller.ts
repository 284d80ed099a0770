import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { Log } from "../agent/ports.ts";
import { describeControllerNotice } from "../fleet/controller/describe-notice.ts";
import { type Controller, startController } from "../fleet/controller/start-controller.ts";
import type { FleetStore } from "../fleet/store/fleet-store.ts";
import type { FollowedFleet } from "../fleet/store/follow-fleet.ts";
import { sha256 } from "../host/sha256.ts";

export interface ControllerSetup {
  readonly store: FleetStore;
  /** On `uptimeMs` too. */
  readonly followed: FollowedFleet;
  readonly uptimeMs: () => number;
  readonly version: string;
  readonly log: Log;
}

/** Takes part in leading the fleet, and tells the log of it. */
export function runController({ store, followed, uptimeMs, version, log }: ControllerSetup): Controller {
  const host = hostname();
  return startController({
    store,
    followed,
    self: { id: `${host}/${randomBytes(4).toString("hex")}`.slice(-200), version, host },
    nowMs: Date.now,
    uptimeMs,
    random: Math.random,
    sha256,
    onNotice(notice) {
      const { level, message, fields } = describeControllerNotice(notice);
      log[level](fields, message);
    },
  });
}
