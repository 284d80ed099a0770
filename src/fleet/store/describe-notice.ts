import type { FleetNotice } from "./follow-fleet.ts";

/** What happens to the records that are followed, as a line of a log. */
export function describeFleetNotice(notice: FleetNotice): {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
} {
  switch (notice.kind) {
    case "broken-record": {
      const { key, message } = notice.record;
      return {
        level: "error",
        message: `${key} cannot be read, and what it is about is left alone: ${message}`,
      };
    }
    case "reconnect":
      return { level: "warn", message: `${notice.endpoint} does not answer: ${notice.error.message}` };
    case "old-version":
      return { level: "warn", message: notice.message };
    case "listed-anew":
      return { level: "info", message: "the records were read anew" };
    case "repaired":
      return {
        level: "error",
        message: `the engine had lost ${notice.changes} changes; they are made good for. This is a fault of the engine`,
      };
    default:
      return notice satisfies never;
  }
}
