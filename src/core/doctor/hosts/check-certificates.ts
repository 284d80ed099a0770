import type { CertificateFacts } from "../../certificates.ts";
import { plainText } from "../../plain-text.ts";
import { describeFate, nameNamespace } from "../fate.ts";
import { atPath, type Finding } from "../finding.ts";
import type { HostsContext } from "./hosts-context.ts";
import { inspectionOf, listTlsEntries, type TlsEntry } from "./tls-entries.ts";

/** Certificates that TLS refuses, now or soon; each file once, with the first host that names it. */
export function checkCertificates(context: HostsContext): readonly Finding[] {
  const seen = new Set<string>();
  return listTlsEntries(context)
    .filter(({ entry }) => entry.scheme !== "http" || entry.httpsFirst)
    .flatMap((tls) => listUses(tls, context))
    .filter(({ path, facts }) => facts.length > 0 && !seen.has(path) && seen.add(path))
    .flatMap((use) => [...checkDates(use, context.view.nowMs), ...checkKind(use)]);
}

interface Use {
  readonly tls: TlsEntry;
  readonly path: string;
  readonly kind: "ca" | "client";
  /** Of a CA file, all: one that is good is enough. Of a client's, its own. */
  readonly facts: readonly CertificateFacts[];
}

function listUses(tls: TlsEntry, { view }: HostsContext): readonly Use[] {
  const { ca = [], client = [], skipVerify } = tls.entry;
  const factsOf = (path: string, key?: string): readonly CertificateFacts[] => {
    const found = inspectionOf(view, path, key)?.inspection;
    return found?.ok === true ? found.certificates : [];
  };
  // With skip_verify nobody looks at what a CA signed.
  const cas = skipVerify === true ? [] : ca;
  return [
    ...cas.map((path): Use => ({ tls, path, kind: "ca", facts: factsOf(path) })),
    ...client.map(([path, key]): Use => {
      return { tls, path, kind: "client", facts: factsOf(path, key === "" ? path : key).slice(0, 1) };
    }),
  ];
}

const DAY_MS = 86_400_000;

function checkDates(use: Use, nowMs: number): readonly Finding[] {
  const { tls, path, kind, facts } = use;
  const [first] = facts;
  if (first === undefined) return [];
  const last = facts.reduce((a, b) => (b.notAfterMs > a.notAfterMs ? b : a), first);
  const name = nameNamespace(tls.directory.namespace);
  const whose =
    kind === "ca"
      ? `what this CA signed, so ${tls.name} is passed over`
      : `${tls.name} refuses this certificate`;
  const shared = { where: atPath(path), fix: fixDates(use) };
  const isEarly = facts.every(({ notBeforeMs }) => notBeforeMs > nowMs);
  if (isEarly || last.notAfterMs <= nowMs)
    return [
      {
        ...shared,
        code: "certificate-not-valid",
        severity: "error",
        fact: isEarly
          ? `${nameOf(first)} is not valid before ${showDate(first.notBeforeMs)}; is the clock of this node right?`
          : `${nameOf(last)} expired on ${showDate(last.notAfterMs)}`,
        consequence: `for pulls of ${name}, ${kind === "ca" ? "containerd refuses " : ""}${whose}; by the files, ${describeFate(tls.directory.fate)}`,
      },
    ];
  const leftMs = last.notAfterMs - nowMs;
  // Short-lived certificates are always near their end: a third and a tenth of the whole is what counts for them.
  const wholeMs = last.notAfterMs - last.notBeforeMs;
  if (leftMs > Math.min(30 * DAY_MS, wholeMs / 3)) return [];
  return [
    {
      ...shared,
      code: "certificate-expires-soon",
      severity: leftMs > Math.min(7 * DAY_MS, wholeMs / 10) ? "info" : "warning",
      fact: `${nameOf(last)} expires on ${showDate(last.notAfterMs)}, in ${showSpan(leftMs)}`,
      consequence: `from then on, for pulls of ${name}, ${kind === "ca" ? "containerd refuses " : ""}${whose}`,
    },
  ];
}

function fixDates({ path, kind }: Use): string {
  return kind === "ca"
    ? `put the CA's current certificate into ${path}; containerd reads it at the next pull`
    : `renew the certificate in ${path}; containerd reads it at the next pull`;
}

/** A certificate that signs nobody is trusted for the server that shows that very certificate. */
function checkKind({ tls, path, kind, facts }: Use): readonly Finding[] {
  const [first] = facts;
  if (kind !== "ca" || first === undefined || facts.some(({ isCa, isSelfSigned }) => isCa || isSelfSigned))
    return [];
  // A client's certificate with a wrong ending: the key beside it has a finding.
  const { parsed, files } = tls.directory;
  const key = path.replace(/\.crt$/, ".key");
  if (parsed.kind !== "hosts" && files.some((file) => file.path === key)) return [];
  return [
    {
      code: "ca-file-without-ca",
      severity: "warning",
      where: atPath(path),
      fact: `${nameOf(first)} is no CA's: it is trusted only as long as ${tls.name} shows this very certificate`,
      consequence: `once it is renewed, ${tls.name} is passed over; until then ${describeFate(tls.directory.fate)}`,
      fix: `put the certificate of the CA that signed it into ${path}`,
    },
  ];
}

function nameOf({ subject }: CertificateFacts): string {
  return `the certificate ${plainText(subject)}`;
}

function showDate(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString().slice(0, 10) : "an unknown day";
}

function showSpan(ms: number): string {
  const days = Math.floor(ms / DAY_MS);
  if (days >= 1) return days === 1 ? "1 day" : `${days} days`;
  return `${Math.max(1, Math.floor(ms / 3_600_000))} h`;
}
