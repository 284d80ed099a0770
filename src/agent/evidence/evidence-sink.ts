import type { HostProbe, LoggedFallback, SourceState } from "../../core/evidence/evidence-report.ts";
import type { Pull, PullNotice, WitnessHit } from "../../core/evidence/pull.ts";
import type { RegistryRequest } from "../../core/evidence/registry-request.ts";

/** Where sources of evidence put what they see. Returns at once, never throws, and keeps a bounded amount. */
export interface EvidenceSink {
  /** Every request of every pull, also those of the pulls that are told by `pull` later. */
  request(request: RegistryRequest): void;
  pull(pull: Pull): void;
  notice(notice: PullNotice): void;
  witnessed(hit: WitnessHit): void;
  /** A request that no mirror served, as containerd's log tells it; the witness and the traces may tell it, too. */
  logged(fallback: LoggedFallback): void;
  probed(probe: HostProbe): void;
  /** A source came up, went down, or is limited in another way than before. */
  source(state: SourceState): void;
}
