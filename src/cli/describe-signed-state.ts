import { time } from "../core/signing/judge-signed-state.ts";
import { describeSelector } from "../core/signing/selector.ts";
import type { SignedState } from "../core/signing/signed-state.ts";

/** What is signed, for who signs it and who has it before them. */
export function describeSignedState(state: SignedState, digest: string): readonly string[] {
  const { fleet, channel, audience, serial, floorSerial, notBeforeMs, expiresMs, name, desiredState } = state;
  return [
    `serial:     ${serial}, and once it is in force none below ${floorSerial} any more`,
    `fleet:      ${fleet}, channel ${channel}`,
    `for:        ${describeSelector(audience)}`,
    `valid:      ${notBeforeMs === undefined ? "at once" : `from ${time(notBeforeMs)}`}, until ${time(expiresMs)}`,
    `state:      ${name}, ${desiredState.length} characters`,
    `digest:     ${digest}`,
  ];
}

/** The same for programs; the desired state is another matter. */
export function signedStateJson(state: SignedState): object {
  const { fleet, channel, audience, serial, floorSerial, notBeforeMs, expiresMs, name } = state;
  return { fleet, channel, audience, serial, floorSerial, notBeforeMs, expiresMs, name };
}
