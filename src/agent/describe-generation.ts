/** `generation 12`; a desired state that names none has 0, which nobody has written. */
export function describeGeneration(generation: number): string {
  return generation === 0 ? "the desired state (without a generation)" : `generation ${generation}`;
}
