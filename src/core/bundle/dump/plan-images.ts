import { type DumpInput, type DumpPlan, planDump } from "./plan-dump.ts";
import { type SizedImage, sizeImages } from "./size-images.ts";

/** A dump of images that have been looked up. */
export interface PlannedDump {
  readonly input: DumpInput;
  readonly plan: DumpPlan;
  readonly images: readonly SizedImage[];
  /** How many there are. */
  readonly referrers: number;
}

export function planImages(input: DumpInput): PlannedDump {
  const plan = planDump(input);
  const referrers = new Set(input.images.flatMap((image) => image.referrers.map(({ digest }) => digest)));
  return { input, plan, images: sizeImages(input, plan), referrers: referrers.size };
}

/** The same without some of its images. */
export function planWithout({ input }: PlannedDump, names: ReadonlySet<string>): PlannedDump {
  return planImages({ ...input, images: input.images.filter(({ name }) => !names.has(name)) });
}
