import { chmodSync, chownSync, statSync, unlinkSync } from "node:fs";
import { createServer, type Server } from "node:net";

/** A socket that systemd holds (sd_listen_fds(3)): the first descriptor after the standard ones. */
export function inheritedSocket(env: NodeJS.ProcessEnv, pid: number): number | undefined {
  return env["LISTEN_PID"] === String(pid) && Number(env["LISTEN_FDS"]) >= 1 ? 3 : undefined;
}

export interface Listening {
  readonly server: Server;
  /** Whoever is in it may speak to us: Node cannot ask who does, so the socket's mode is the gate. */
  readonly gid: number;
}

/** `fd`: a socket that somebody else has made at `path`. `gid`: whose group may connect to one that is made here. */
export async function listen(
  at: { readonly fd: number; readonly path: string } | { readonly path: string; readonly gid: number },
): Promise<Listening> {
  const server = createServer({ allowHalfOpen: true });
  if ("fd" in at) {
    // A descriptor tells neither path nor group of its socket.
    const { gid } = statSync(at.path);
    await listening(server, () => server.listen({ fd: at.fd }));
    return { server, gid };
  }
  const { path, gid } = at;
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() === true) unlinkSync(path);
  // Closed to all until it is the group's.
  const before = process.umask(0o177);
  try {
    await listening(server, () => server.listen(path));
  } finally {
    process.umask(before);
  }
  chownSync(path, 0, gid);
  chmodSync(path, 0o660);
  return { server, gid };
}

function listening(server: Server, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => resolve());
    start();
  });
}
