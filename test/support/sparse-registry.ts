import { createHash } from "node:crypto";
import { startServer } from "./lab-server.ts";

/** A registry in memory that takes a list without what it names, as some do; each repository has its own blobs. */
export interface SparseRegistry {
  readonly url: string;
  readonly host: string;
  /** `repository/manifests/<digest or tag>` and `repository/blobs/<digest>`. */
  has(path: string): boolean;
  remove(path: string): void;
  stop(): Promise<void>;
}

export async function startSparseRegistry({ mounts = true } = {}): Promise<SparseRegistry> {
  const objects = new Map<string, { readonly type: string; readonly bytes: Buffer }>();
  const server = await startServer(async (request, response) => {
    const { method = "", url = "", headers } = request;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const { pathname, searchParams } = new URL(url, server.url);
    const answer = (status: number, more: Record<string, string> = {}, body?: Buffer) =>
      response.writeHead(status, more).end(method === "HEAD" ? undefined : body);
    const [, repository = "", kind = "", reference = ""] =
      /^\/v2\/(.+)\/(blobs|manifests)\/(.+)$/.exec(pathname) ?? [];
    const key = `${repository}/${kind}/${reference}`;
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    if (pathname === "/v2/") return answer(200);
    if (method === "POST" && reference === "uploads/") {
      const [from, mount] = [searchParams.get("from"), searchParams.get("mount")];
      const found = mounts ? objects.get(`${from}/blobs/${mount}`) : undefined;
      if (found !== undefined) objects.set(`${repository}/blobs/${mount}`, found);
      return found === undefined
        ? answer(202, { location: `/v2/${repository}/blobs/uploads/1` })
        : answer(201, { location: `/v2/${repository}/blobs/${mount}` });
    }
    if (method === "PUT" && kind === "blobs") {
      if (searchParams.get("digest") !== digest) return answer(400);
      objects.set(`${repository}/blobs/${digest}`, { type: "application/octet-stream", bytes });
      return answer(201, { location: `/v2/${repository}/blobs/${digest}` });
    }
    if (method === "PUT" && kind === "manifests") {
      const object = { type: String(headers["content-type"]), bytes };
      for (const name of [reference, digest]) objects.set(`${repository}/manifests/${name}`, object);
      return answer(201, { "docker-content-digest": digest });
    }
    const found = objects.get(key);
    if (method === "DELETE") return answer(objects.delete(key) ? 202 : 404);
    if (found === undefined) return answer(404);
    return answer(
      200,
      {
        "content-type": found.type,
        "content-length": String(found.bytes.length),
        "docker-content-digest": `sha256:${createHash("sha256").update(found.bytes).digest("hex")}`,
      },
      found.bytes,
    );
  }, undefined);
  return {
    url: server.url,
    host: server.host,
    has: (path) => objects.has(path),
    remove: (path) => void objects.delete(path),
    stop: server.close,
  };
}
