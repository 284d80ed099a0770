import type { BundleImage } from "../bundle.ts";

/** Names for images that their bundle does not name, and why they cannot have one: a sentence each. */
export interface GivenNames {
  readonly names: ReadonlyMap<BundleImage, string>;
  readonly problems: readonly string[];
}

/** What `--name` comes to. With a tag, or a digest, it is for a single image; without, for each under its own tag. */
export function giveNames(unnamed: readonly BundleImage[], name: string | undefined): GivenNames {
  const refuse = (why: string): GivenNames => ({ names: new Map(), problems: [`--name ${name} ${why}`] });
  if (name === undefined) return { names: new Map(), problems: [] };
  const [only, ...others] = unnamed;
  if (only === undefined) return refuse("is for images without a name, and this bundle has 0");
  if (isFull(name)) {
    if (others.length === 0) return { names: new Map([[only, name]]), problems: [] };
    return refuse(
      `is for a bundle with one image that has no name; this one has ${unnamed.length}: without a tag it is for all that have one in the bundle`,
    );
  }
  const repositories = [...new Set(unnamed.map(({ ref }) => repositoryOf(ref)))];
  if (repositories.length > 1)
    return refuse(
      `is one repository, and the bundle has images of several (${repositories.map((one) => one ?? "some without").join(", ")}): push each from a folder of its own`,
    );
  const names = new Map<BundleImage, string>();
  for (const image of unnamed) {
    const tag = tagOf(image.ref);
    if (tag !== undefined) names.set(image, `${name}:${tag}`);
    else if (others.length === 0) names.set(image, name);
  }
  return { names, problems: [] };
}

/** What to say of an image that has no name, and of how to give it one. */
export function whyNameless(image: BundleImage, unnamed: readonly BundleImage[]): string {
  const { top, ref, badName } = image;
  const what =
    badName !== undefined
      ? `${top.digest} has a name in the bundle that is none (${badName})`
      : ref === undefined
        ? `${top.digest} has no name in the bundle`
        : `${ref} (${top.digest}) has no name in the bundle but that`;
  if (unnamed.length > 1 && ref !== undefined)
    return `${what}: --name with a repository, such as gcr.io/a/b, pushes each image there under its own tag`;
  const how =
    unnamed.length === 1
      ? "give it one with --name, such as gcr.io/a/b:1.0"
      : "--name gives one to a single image: save each by its name, or in a bundle of its own";
  return `${what}: ${how}`;
}

function isFull(name: string): boolean {
  return name.includes("@") || name.slice(name.lastIndexOf("/") + 1).includes(":");
}

function tagOf(ref: string | undefined): string | undefined {
  return ref?.slice(ref.indexOf(":") + 1);
}

function repositoryOf(ref: string | undefined): string | undefined {
  return ref?.includes(":") ? ref.slice(0, ref.indexOf(":")) : undefined;
}
