import type { Files } from "./ports.ts";

export interface TrackedFiles {
  readonly files: Pick<Files, "read" | "readTree">;
  /** What was asked for so far. A file that is missing counts: it may come. */
  readonly inputs: readonly string[];
}

/** Notes what a desired state is made of, so that a change of it is noticed. */
export function trackInputs({ read, readTree }: Pick<Files, "read" | "readTree">): TrackedFiles {
  const inputs: string[] = [];
  return {
    inputs,
    files: {
      read: (path) => {
        inputs.push(path);
        return read(path);
      },
      readTree: async (root) => {
        // Kubernetes swaps this link when a Secret that is mounted here changes, comes or goes.
        inputs.push(`${root}/..data`);
        const tree = await readTree(root);
        inputs.push(...tree.files.map(({ path }) => path));
        return tree;
      },
    },
  };
}
