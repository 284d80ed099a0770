/** The containerd that serves the socket. What is undefined could not be looked at. */
export interface ProcessView {
  readonly pid: number;
  /** ms since the epoch. */
  readonly startedMs?: number;
  /** Of the running binary, which the installed one may have replaced. */
  readonly version?: string;
  readonly commandLine?: readonly string[];
  /** Holds secrets: only values of proxy and certificate variables may be shown, proxies without user-info. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Where its `/` is, seen from ours; "/" for the same. */
  readonly root?: string;
}
