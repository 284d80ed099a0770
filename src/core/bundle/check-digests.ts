import type { AssembledBundle } from "./assemble-bundle.ts";
import type { Digest } from "./bundle.ts";
import { checkImage } from "./check-image.ts";
import type { Holding, Problem } from "./gathered.ts";
import type { MemberDigests } from "./scan.ts";

/** Compares what was computed with what is promised, for all content that a bundle holds, used by an image or not. */
export function checkDigests(
  bundle: AssembledBundle,
  digestsOf: (holding: Holding) => MemberDigests | undefined,
): readonly Problem[] {
  const problems: Problem[] = [];
  for (const [digest, holding] of bundle.blobs) {
    const wrong = compare(digest, holding, digestsOf(holding));
    if (wrong === undefined) continue;
    const message = `${holding.place}: ${wrong}${usersOf(bundle, digest)}`;
    problems.push({ severity: "error", code: "wrong-digest", message });
  }
  return problems;
}

function compare(
  digest: Digest,
  { bytes, inner }: Holding,
  found: MemberDigests | undefined,
): string | undefined {
  if (bytes !== undefined) return undefined;
  if (found === undefined) return `its digest was not computed, it should be ${digest}`;
  if (found.digest !== digest) return `its content has the digest ${found.digest} instead of ${digest}`;
  if (inner === undefined || found.inner === undefined || found.inner === inner) return undefined;
  if (found.inner === "broken") return "it cannot be decompressed";
  return `decompressed, it has the digest ${found.inner}, and the image's config says ${inner}`;
}

const NAMED = 3;

function usersOf(bundle: AssembledBundle, digest: Digest): string {
  const users = bundle.images.filter((image) =>
    checkImage(image, { ...bundle, holdings: bundle.blobs }).digests.has(digest),
  );
  if (users.length === 0) return "; no image uses it";
  const names = users.slice(0, NAMED).map(({ name, top }) => name ?? top.digest);
  const more = users.length > NAMED ? ` and ${users.length - NAMED} more` : "";
  return `; needed by ${names.join(", ")}${more}`;
}
