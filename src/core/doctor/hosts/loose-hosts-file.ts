/** What a hosts.toml says to a person, whatever containerd makes of it. */
export interface LooseHostsFile {
  readonly server?: LooseHost;
  /** In the order of the file. */
  readonly hosts: readonly LooseHost[];
  /** Nothing but comments and blank lines. */
  readonly isBlank: boolean;
}

export interface LooseHost {
  /** As written. */
  readonly written: string;
  readonly overridePath: boolean;
  readonly line: number;
  readonly column: number;
}

/** `https://mirror`, `mirror:5000`, `10.0.0.1`, `mirror.corp/v2`: what may stand for a host. */
export function looksLikeHost(text: string): boolean {
  if (/^[a-z][a-z0-9+.-]*:\/{1,3}[^\s/]/i.test(text) || /^https?\/\//i.test(text)) return true;
  return /^(?:localhost|\[[0-9a-f:]+\]|[a-z0-9-]+(?:\.[a-z0-9-]+)+|[a-z0-9-]+(?=:\d))(?::\d+)?(?:\/[^\s]*)?$/i.test(
    text,
  );
}
