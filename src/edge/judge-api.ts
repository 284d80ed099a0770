import type { Answer } from "../registry/ask.ts";
import { RegistryError } from "../registry/registry-error.ts";

/** Where every registry answers, also one whose repositories stand below a path. */
export const API_PATH = "/v2/";

/**
 * Throws RegistryError where what answers is no registry: a portal, a login page or a load balancer's default
 * answers 200 too, and containerd takes 200 for the image.
 */
export function refuseStranger(answer: Answer, url: URL): void {
  const where = `${url.host}${url.pathname}`;
  const isRegistry = answer.headers["docker-distribution-api-version"] !== undefined;
  const text = answer.body.toString("utf8");
  if (answer.status === 404 && isErrorDocument(text)) return;
  if (answer.status < 200 || answer.status > 299) {
    const detail = `status ${answer.status}`;
    throw new RegistryError({ phase: "http", code: "status", host: where, detail });
  }
  const type = answer.headers["content-type"] ?? "";
  if (!isRegistry && (/html/i.test(type) || text.trimStart().startsWith("<")))
    throw new RegistryError({ phase: "http", code: "web-page", host: where });
}

// A registry's way to say that nothing has this name, which is no surprise for the bare path.
function isErrorDocument(text: string): boolean {
  try {
    return Array.isArray((JSON.parse(text) as { errors?: unknown }).errors);
  } catch {
    return false;
  }
}
