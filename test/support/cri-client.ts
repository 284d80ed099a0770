import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { WAIT_LIMIT_MS } from "./wait-limit.ts";

/** What a pull brought. `code` is gRPC's, by name (`NOT_FOUND`), `message` containerd's own words. */
export type LabPull =
  | { readonly ok: true; readonly imageRef: string }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** CRI AuthConfig. Without `serverAddress` the credential goes to any host that challenges. */
export interface PullAuth {
  readonly username: string;
  readonly password: string;
  readonly serverAddress?: string;
}

interface CriImage {
  readonly id: string;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
}

export async function pullImage(
  socket: string,
  reference: string,
  auth: PullAuth | undefined,
  timeoutMs: number,
): Promise<LabPull> {
  try {
    const request = { image: { image: reference }, ...(auth === undefined ? {} : { auth }) };
    const reply = await call<{ imageRef: string }>(socket, "PullImage", request, timeoutMs);
    return { ok: true, imageRef: reply.imageRef };
  } catch (error) {
    const { code, details } = error as grpc.ServiceError;
    return { ok: false, code: grpc.status[code] ?? String(error), message: details };
  }
}

async function listImages(socket: string): Promise<readonly CriImage[]> {
  return (await call<{ images: CriImage[] }>(socket, "ListImages", {}, 5_000)).images;
}

export async function removeImage(socket: string, reference: string): Promise<void> {
  await call(socket, "RemoveImage", { image: { image: reference } }, 30_000);
}

/** As kubelet makes a pod: gRPC's code, by name, and containerd's words. */
export async function runPodSandbox(socket: string, name: string): Promise<readonly [string, string]> {
  const config = { metadata: { name, uid: name, namespace: "default" }, logDirectory: "/tmp" };
  try {
    await call(socket, "RunPodSandbox", { config }, WAIT_LIMIT_MS, "RuntimeService");
    return ["OK", ""];
  } catch (error) {
    const { code, details } = error as grpc.ServiceError;
    return [grpc.status[code] ?? String(error), details];
  }
}

/** True once CRI answers; false when the daemon runs without CRI. Rejects after a minute of neither. */
export async function waitForCri(socket: string): Promise<boolean> {
  for (let attempt = 0; ; attempt++) {
    try {
      await listImages(socket);
      return true;
    } catch (error) {
      if ((error as grpc.ServiceError).code === grpc.status.UNIMPLEMENTED) return false;
      if (attempt === WAIT_LIMIT_MS / 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

const loaded = grpc.loadPackageDefinition(
  loadSync(join(import.meta.dirname, "cri.proto"), { defaults: true }),
);
const services = (loaded["runtime"] as grpc.GrpcObject)["v1"] as grpc.GrpcObject;

/** One connection a call: a kept one would sit out its reconnect delay after a restart of the daemon. */
function call<Reply>(
  socket: string,
  method: string,
  request: object,
  timeoutMs: number,
  service: "ImageService" | "RuntimeService" = "ImageService",
): Promise<Reply> {
  const Client = services[service] as grpc.ServiceClientConstructor;
  const client = new Client(`unix://${socket}`, grpc.credentials.createInsecure());
  return new Promise<Reply>((resolve, reject) => {
    client[method]?.(
      request,
      { deadline: Date.now() + timeoutMs },
      (error: grpc.ServiceError | null, reply: Reply) => (error === null ? resolve(reply) : reject(error)),
    );
  }).finally(() => client.close());
}
