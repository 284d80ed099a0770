import type { EvidenceSink } from "../../src/agent/evidence/evidence-sink.ts";
import type { SourceState } from "../../src/core/evidence/evidence-report.ts";
import type { Pull, PullNotice } from "../../src/core/evidence/pull.ts";
import type { RegistryRequest } from "../../src/core/evidence/registry-request.ts";
import { WAIT_LIMIT_MS } from "./wait-limit.ts";

/** Keeps all that is put into it. */
export interface RecordingSink extends EvidenceSink {
  readonly requests: RegistryRequest[];
  readonly pulls: Pull[];
  readonly notices: PullNotice[];
  readonly states: SourceState[];
  /** Resolves once so many pulls and notices have come; rejects after `timeoutMs`. */
  told(count: number, timeoutMs?: number): Promise<void>;
  clear(): void;
}

export function createRecordingSink(): RecordingSink {
  const requests: RegistryRequest[] = [];
  const pulls: Pull[] = [];
  const notices: PullNotice[] = [];
  const states: SourceState[] = [];
  let notify = (): void => {};
  return {
    requests,
    pulls,
    notices,
    states,
    request: (request) => void requests.push(request),
    pull(pull) {
      pulls.push(pull);
      notify();
    },
    notice(notice) {
      notices.push(notice);
      notify();
    },
    witnessed() {},
    logged() {},
    probed() {},
    source: (state) => void states.push(state),
    told(count, timeoutMs = WAIT_LIMIT_MS) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`${pulls.length + notices.length} of ${count} pulls were told`)),
          timeoutMs,
        );
        notify = () => {
          if (pulls.length + notices.length < count) return;
          clearTimeout(timer);
          resolve();
        };
        notify();
      });
    },
    clear() {
      for (const list of [requests, pulls, notices, states]) list.length = 0;
    },
  };
}
