import { type LooseHost, type LooseHostsFile, looksLikeHost } from "./loose-hosts-file.ts";

const MAX_LINES = 10_000;

/** Headers, `server` and `override_path` of a text that is no TOML, line by line. */
export function readLooseLines(text: string): LooseHostsFile {
  const hosts: LooseHost[] = [];
  let server: LooseHost | undefined;
  let isBlank = true;
  for (const [index, raw] of text.split("\n", MAX_LINES).entries()) {
    const line = raw.replace(/^\ufeff/, "").trim();
    if (line === "" || line.startsWith("#")) continue;
    isBlank = false;
    const place = { line: index + 1, column: raw.length - raw.trimStart().length + 1 };
    const written = serverOf(line);
    if (written !== undefined) server ??= { written, overridePath: false, ...place };
    for (const name of hostsOf(line))
      if (!hosts.some((host) => host.written === name))
        hosts.push({ written: name, overridePath: false, ...place });
    if (!/^["']?override_?path\b.*true/i.test(line)) continue;
    const last = hosts.pop();
    if (last !== undefined) hosts.push({ ...last, overridePath: true });
    else if (server !== undefined) server = { ...server, overridePath: true };
  }
  return { ...(server && { server }), hosts, isBlank };
}

function serverOf(line: string): string | undefined {
  const value = /^["']?server["']?\s*[=:]*\s*["']?([^"'\s#]+)/i.exec(line)?.[1];
  return value !== undefined && looksLikeHost(value) ? value : undefined;
}

/** `[host."URL"]`, also with a bracket or quote missing, and the names of inline tables. */
function hostsOf(line: string): readonly string[] {
  const header = /^\[*\s*["']?(?:hosts?|mirrors?)["']?\s*\.\s*(.+)$/i.exec(line)?.[1];
  if (header !== undefined) {
    const name = /^(?:"([^"\]]*(?:\][^"\]]*)?)"?|'([^'\]]*)'?|([^\s"'\]]+))/.exec(header);
    const written = (name?.[1] ?? name?.[2] ?? name?.[3] ?? "").replace(/\.header\b.*$/i, "").trim();
    if (!written.includes("[") && written.endsWith("]")) return hostsOf(line.replace(/\]+$/, ""));
    return looksLikeHost(written) ? [written] : [];
  }
  if (!/^["']?hosts?["']?\s*=/i.test(line)) return [];
  const quoted = [...line.matchAll(/["']([^"']+)["']/g)].map(([, text = ""]) => text);
  return quoted.filter((text) => /^https?:\/\//i.test(text));
}
