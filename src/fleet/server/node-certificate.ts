import { isNodeName } from "../../core/signing/selector.ts";

/** Who holds the certificate, by its URI SAN. */
export type Identity =
  | { readonly ok: true; readonly id: string }
  /** A sentence for the node's log; it names nothing that the node does not know. */
  | { readonly ok: false; readonly message: string };

/**
 * The id in `URI:spiffe://<trust domain>/node/<id>`, of a subjectAltName as Node writes it. As SPIFFE has it, a
 * certificate has one URI and no more: with two it would be two nodes.
 * https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md#2-spiffe-id
 */
export function readNodeId(subjectAltName: string | undefined, trustDomain: string): Identity {
  const names = splitNames(subjectAltName ?? "");
  const uris = names.filter(({ type }) => type === "URI").map(({ value }) => value);
  const wanted = `the certificate must have one URI name, spiffe://${trustDomain}/node/<id>`;
  const [uri] = uris;
  if (uri === undefined || uris.length > 1) return { ok: false, message: `${wanted}; it has ${uris.length}` };
  const [, domain, id] = /^spiffe:\/\/([A-Za-z0-9._-]{1,255})\/node\/([^/]+)$/.exec(uri) ?? [];
  if (domain === undefined || id === undefined || !isNodeName(id)) return { ok: false, message: wanted };
  if (domain.toLowerCase() !== trustDomain)
    return { ok: false, message: `${wanted}; its domain is ${domain}` };
  return { ok: true, id };
}

interface Name {
  readonly type: string;
  readonly value: string;
}

/** `DNS:a, URI:"spiffe://x/y, z"`: what could be misread stands in JSON's quotes (Node's fix for CVE-2021-44532). */
function splitNames(text: string): readonly Name[] {
  const names: Name[] = [];
  const form = /([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;
  while (form.lastIndex < text.length) {
    const [, type = "", value = ""] = form.exec(text) ?? [];
    // Of a text of another form nothing is believed.
    if (type === "") return [];
    names.push({ type, value: value.startsWith('"') ? unquote(value) : value });
  }
  return names;
}

function unquote(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return "";
  }
}
