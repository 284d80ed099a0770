import type { MirroredImage, MirrorHoldings, MirrorVerdict } from "../core/bundle/mirrored-image.ts";
import { plainText } from "../core/plain-text.ts";
import { count } from "./bundle-text.ts";
import { wrapText } from "./wrap-text.ts";

const MOST_PARTS = 5;

/** What is not as it should be, image by image, then how many of each kind. Ends with a newline. */
export function checkText(images: readonly MirroredImage[], columns: number | undefined): string {
  const bad = images.filter(({ verdict }) => verdict !== "there");
  const of = (verdict: MirrorVerdict): number => images.filter((one) => one.verdict === verdict).length;
  const counts = [
    `${of("there")} there`,
    ...(of("missing") > 0 ? [`${of("missing")} missing`] : []),
    ...(of("no-mirror") > 0 ? [`${of("no-mirror")} without a mirror`] : []),
    ...(of("unknown") > 0 ? [`${of("unknown")} not known`] : []),
  ];
  const told = new Set<string>();
  return [
    ...bad.flatMap((image) => imageLines(image, told, columns)),
    ...(bad.length > 0 ? [""] : []),
    `${count(images.length, "image")}: ${counts.join(", ")}`,
    "",
  ].join("\n");
}

function imageLines(
  { name, verdict, mirrors }: MirroredImage,
  told: Set<string>,
  columns: number | undefined,
): readonly string[] {
  const words: Readonly<Record<MirrorVerdict, string>> = {
    there: "there",
    missing: "missing",
    "no-mirror": "no mirror for its host: nodes would go to the upstream",
    unknown: "not known",
  };
  return [
    `${plainText(name)}: ${words[verdict]}`,
    ...mirrors.flatMap((mirror) => indent(mirrorText(mirror, told), columns, 2)),
    ...mirrors.flatMap((mirror) => partLines(mirror, columns)),
  ];
}

/** The same trouble with one mirror is told once. */
function mirrorText(
  { mirror, failure, skipped, missing, digest, blobs }: MirrorHoldings,
  told: Set<string>,
): string {
  const trouble = skipped ?? failure;
  if (trouble !== undefined) {
    const text = `${mirror}: ${trouble}`;
    const isKnown = told.has(text);
    told.add(text);
    return isKnown ? `${mirror}: as above` : text;
  }
  if (digest === undefined) return `${mirror}: nothing is there`;
  const manifests = missing.filter(({ kind }) => kind === "manifest").length;
  const lost = [
    ...(manifests > 0 ? [count(manifests, "manifest")] : []),
    ...(missing.length > manifests ? [`${missing.length - manifests} of ${count(blobs, "blob")}`] : []),
  ];
  return lost.length === 0 ? `${mirror}: all of it is there` : `${mirror}: it lacks ${lost.join(" and ")}`;
}

function partLines({ missing }: MirrorHoldings, columns: number | undefined): readonly string[] {
  const shown = missing.slice(0, MOST_PARTS);
  const more = missing.length - shown.length;
  return [
    ...shown.flatMap(({ platform, url }) =>
      indent(`${platform === undefined ? "" : `${platform}: `}${url}`, columns, 4),
    ),
    ...(more > 0 ? [`    and ${more} more`] : []),
  ];
}

function indent(text: string, columns: number | undefined, by: number): readonly string[] {
  return wrapText(plainText(text), columns, by).map(
    (line, at) => `${" ".repeat(at === 0 ? by : by + 2)}${line}`,
  );
}
