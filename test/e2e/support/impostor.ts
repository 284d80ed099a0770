import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { LabImage } from "../../support/image.ts";
import type { LabCertificate } from "../../support/tls.ts";

/** Another user's program in the place of the agent's witness. */
export interface Impostor {
  /** Request lines that it could read, so that it could answer them. */
  requests(): readonly string[];
  stop(): Promise<void>;
}

export interface ImpostorOptions {
  readonly port: number;
  /** https with a key of its own, plain http, or connections that are taken and never answered. */
  readonly kind: "https" | "http" | "hang";
  readonly certificate: LabCertificate;
  /** What it offers, whatever the repository and the tag. */
  readonly image: LabImage;
}

export const NOBODY = 65_534;

const script = `
const options = JSON.parse(process.argv[1]);
const serve = (request, response) => {
  console.log(request.method + " " + request.url);
  const [path] = request.url.split("?");
  const wanted = path.slice(path.lastIndexOf("/") + 1);
  const object = options.objects.find(({ digest }) => digest === wanted) ?? options.objects.at(-1);
  const body = Buffer.from(object.base64, "base64");
  response.writeHead(200, {
    "content-type": path.includes("/blobs/") ? "application/octet-stream" : object.mediaType,
    "content-length": body.length,
    "docker-content-digest": object.digest,
  });
  response.end(request.method === "HEAD" ? undefined : body);
};
const server =
  options.kind === "https" ? require("node:https").createServer(options.certificate, serve)
  : options.kind === "http" ? require("node:http").createServer(serve)
  : require("node:net").createServer((socket) => socket.on("error", () => {}));
server.listen(options.port, "127.0.0.1", () => console.log("listening"));
process.stdin.on("end", () => process.exit()).resume();
`;

export async function startImpostor({ image, ...options }: ImpostorOptions): Promise<Impostor> {
  const objects = [...image.blobs, ...image.manifests].map(({ digest, mediaType, bytes }) => ({
    digest,
    mediaType,
    base64: Buffer.from(bytes).toString("base64"),
  }));
  const child = spawn(process.execPath, ["-e", script, JSON.stringify({ ...options, objects })], {
    uid: NOBODY,
    gid: NOBODY,
    cwd: "/",
    env: {},
    // Its end of input is its end, also when this process is killed.
    stdio: ["pipe", "pipe", "inherit"],
  });
  const requests: string[] = [];
  const lines = createInterface({ input: child.stdout });
  const [first] = (await once(lines, "line")) as [string];
  if (first !== "listening") throw new Error(`the impostor does not start: ${first}`);
  lines.on("line", (line) => requests.push(line));
  return {
    requests: () => requests,
    async stop() {
      child.stdin.end();
      if (child.exitCode === null) await once(child, "exit");
    },
  };
}
