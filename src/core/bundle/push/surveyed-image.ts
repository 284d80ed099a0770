import type { PlannedImage } from "./plan-push.ts";

/** An image before a push. */
export interface SurveyedImage {
  readonly image: PlannedImage;
  readonly isThere: boolean;
  /** What would have to be sent for it, without what images before it bring or have at the registry. */
  readonly missingBytes: number;
  /** Why it could not be pushed. */
  readonly problem?: string;
}
