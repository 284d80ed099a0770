import { describeFailure, type FailureFacts } from "../core/evidence/describe-failure.ts";
import type { FailureCode, FailurePhase, RegistryFailure } from "../core/evidence/registry-failure.ts";

/** A request that got no usable answer. The message is cause and fix, for an operator, and holds no secret. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  readonly failure: RegistryFailure;
  readonly facts: FailureFacts;
  constructor(facts: FailureFacts, cause?: unknown) {
    const failure = describeFailure(facts);
    super(`${failure.cause}; ${failure.fix}`, cause === undefined ? {} : { cause });
    this.failure = failure;
    this.facts = facts;
  }

  get phase(): FailurePhase {
    return this.failure.phase;
  }

  get code(): FailureCode {
    return this.failure.code;
  }
}
