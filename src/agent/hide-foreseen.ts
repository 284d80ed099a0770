import { decodeText } from "../core/decode-text.ts";
import type { FileChange } from "../core/plan/plan-certs.ts";

/** What stands in a dry run for a certificate that is made when the plan is applied, and will be another one then. */
export interface HideForeseen {
  text(text: string): string;
  change(change: FileChange): FileChange;
}

const NOTE = "# the certificate of this node's witness, which is made when this is applied\n";

/** `certificate`: PEM; undefined: the node has one, and there is nothing to hide. */
export function hideForeseen(certificate: string | undefined, changes: readonly FileChange[]): HideForeseen {
  const holds = ({ after }: FileChange): boolean =>
    certificate !== undefined && after !== undefined && decodeText(after).includes(certificate.trim());
  const path = changes.find(holds)?.path;
  if (path === undefined) return { text: (text) => text, change: (change) => change };
  // The same in every directory: PEM files are named by their content.
  const name = path.slice(path.lastIndexOf("/") + 1);
  const text = (from: string): string => from.replaceAll(name, name.replace(/-[0-9a-f]+\./, "-…."));
  return {
    text,
    change: (change) => ({
      ...change,
      path: text(change.path),
      after: encode(holds(change) ? NOTE : change.after && text(decodeText(change.after))),
    }),
  };
}

function encode(text: string | undefined): Uint8Array | undefined {
  return text === undefined ? undefined : new TextEncoder().encode(text);
}
