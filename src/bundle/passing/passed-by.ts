/** The bytes are wanted, and have gone by. */
export class PassedByError extends Error {
  override readonly name = "PassedByError";
}
