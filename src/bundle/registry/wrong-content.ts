/** A registry sends what is not what it was asked for. The message names it, and holds no secret. */
export class WrongContentError extends Error {
  override readonly name = "WrongContentError";
}
