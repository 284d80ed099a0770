import { CLOCK_OFF_MS, CONTROLLER_FRESH_MS, ENGINE_FRESH_MS } from "../../core/fleet/choose-assignment.ts";
import type { FeedFacts } from "./feed-facts.ts";

export interface FeedCheck {
  readonly name: "records" | "seat" | "certificate" | "controller" | "clock";
  readonly status: "pass" | "warn" | "fail";
  /** A sentence. */
  readonly message: string;
}

/** What keeps the server from being of use to nodes is `fail`; what stops rollouts, or soon will stop it, `warn`. */
export function assessFeed(
  facts: FeedFacts | undefined,
  certEndsMs: number,
  nowMs: number,
): readonly FeedCheck[] {
  if (facts === undefined)
    return [{ name: "records", status: "fail", message: "the records of the fleet have not been read yet" }];
  return [
    assessRecords(facts),
    facts.serverId === undefined
      ? { name: "seat", status: "fail", message: "the fleet's engine does not know this server now" }
      : { name: "seat", status: "pass", message: `it is ${facts.serverId}` },
    assessCertificate(certEndsMs - nowMs),
    facts.beatAgeMs > CONTROLLER_FRESH_MS
      ? { name: "controller", status: "warn", message: "no controller is heard: rollouts stand still" }
      : { name: "controller", status: "pass", message: "a controller leads" },
    assessClock(facts.clockOffMs),
  ];
}

const WEEK_MS = 7 * 86_400_000;

function assessRecords({ engineAgeMs }: FeedFacts): FeedCheck {
  const seconds = Math.round(engineAgeMs / 1_000);
  return engineAgeMs > ENGINE_FRESH_MS
    ? {
        name: "records",
        status: "fail",
        message: `the engine was last heard ${seconds} s ago: nodes are told nothing new`,
      }
    : { name: "records", status: "pass", message: `${seconds} s old` };
}

function assessClock(offMs: number): FeedCheck {
  const seconds = Math.abs(Math.round(offMs / 1_000));
  const off = `${seconds} s ${offMs < 0 ? "behind" : "ahead of"} the controller's`;
  return Math.abs(offMs) > CLOCK_OFF_MS
    ? {
        name: "clock",
        status: "warn",
        message: `this machine's clock is ${off}: rollouts stand still here until whichever is wrong is put right`,
      }
    : { name: "clock", status: "pass", message: "it agrees with the controller's, as far as that is known" };
}

function assessCertificate(leftMs: number): FeedCheck {
  const days = Math.floor(leftMs / 86_400_000);
  if (leftMs <= 0)
    return { name: "certificate", status: "fail", message: "it has ended: no node connects any more" };
  return {
    name: "certificate",
    status: leftMs < WEEK_MS ? "warn" : "pass",
    message: `it ends in ${days} days`,
  };
}
