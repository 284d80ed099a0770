import { hostOf } from "../../../evidence/watched-hosts.ts";
import type { Finding, FindingCode } from "../../finding.ts";

/** What hosts answer, and what in the files explains it: one cause, and one finding. */
const EXPLAINS: Readonly<Partial<Record<FindingCode, readonly FindingCode[]>>> = {
  "other-path-answers": ["api-path-twice", "api-path-missing"],
  "image-not-on-host": ["api-path-twice", "api-path-missing"],
  "host-speaks-http": ["host-scheme-unlikely"],
  "host-speaks-https": ["host-scheme-unlikely"],
  "host-closes-connection": ["host-scheme-unlikely"],
  "host-cannot-be-asked": ["header-invalid"],
  "ca-file-unusable": ["ca-file-unusable", "client-file-unusable"],
  "server-certificate-untrusted": ["tls-keys-at-root", "ca-newer-than-daemon"],
  "proxy-blocks-host": ["mirror-through-proxy"],
};

/**
 * Findings of files and processes together with those of hosts. Where a file explains what a host does, its finding
 * stays, for it has the place to mend; it is then no suspicion any more, but a fact.
 */
export function confirmFindings(told: readonly Finding[], probed: readonly Finding[]): readonly Finding[] {
  const left = new Set(probed);
  const confirmed = told.map((finding) => {
    const proof = probed.find(
      (one) => EXPLAINS[one.code]?.includes(finding.code) === true && isAbout(finding, one),
    );
    if (proof === undefined) return finding;
    left.delete(proof);
    const { severity, fact, consequence } = proof;
    return { ...finding, severity, fact: `${finding.fact}; when asked: ${fact}`, consequence };
  });
  return [...confirmed, ...left];
}

function isAbout({ fact, consequence, fix }: Finding, { where }: Finding): boolean {
  const host = where.kind === "url" ? hostOf(where.url) : "";
  return host !== "" && [fact, consequence, fix].some((text) => mentions(text, host));
}

/** As a whole: `a.corp` is not `aa.corp`, and not `a.corp:5000`. */
function mentions(text: string, host: string): boolean {
  const at = text.indexOf(host);
  if (at < 0) return false;
  return !/[\w.-]/.test(text[at - 1] ?? "") && !/^(?:[\w-]|:\d|\.\w)/.test(text.slice(at + host.length));
}
