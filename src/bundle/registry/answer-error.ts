import { isPassing } from "../../core/bundle/push/retry-delay.ts";
import { printable } from "../../core/evidence/printable.ts";
import { statusText } from "../../registry/http-client.ts";
import type { Reply } from "./send-request.ts";

/** What a registry says of a failure: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes */
export interface RegistryWords {
  readonly code: string;
  readonly message: string;
}

interface MoreAbout {
  /** What is wrong with it, where its own words do not tell. */
  readonly why?: string;
  /** Instead of what its status says. */
  readonly retryable?: boolean;
}

/** An answer that is no success. The message names the request, without its query, and holds no secret. */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
  /** Who gave it. */
  readonly host: string;
  readonly status: number;
  /** It is about a blob, at the registry or at the storage behind it. */
  readonly isBlob: boolean;
  /** It is what a registry says of a manifest that it was given. */
  readonly isManifestPut: boolean;
  /** `BLOB_UPLOAD_UNKNOWN`, … */
  readonly codes: readonly string[];
  /** Blobs of a manifest that the registry says it does not have. */
  readonly unknownBlobs: readonly string[];
  /** `Retry-After`, as it was sent. */
  readonly retryAfter: string | undefined;
  /** Another try may succeed. */
  readonly retryable: boolean;

  constructor(method: string, { url, status, headers, body }: Reply, more: MoreAbout = {}) {
    const words = readRegistryWords(body);
    const said = words.map(({ code, message }) => [code, message].filter((text) => text !== "").join(": "));
    const detail = more.why ?? said.slice(0, 3).join("; ");
    const place = `${method} ${url.host}${printable(url.pathname, 200)}`;
    super(`${place}: ${statusText(status)}${detail === "" ? "" : ` (${printable(detail, 300)})`}`);
    this.host = url.host;
    this.status = status;
    this.isBlob = url.pathname.includes("/blobs/");
    this.isManifestPut = method === "PUT" && url.pathname.includes("/manifests/");
    this.codes = words.map(({ code }) => code);
    this.unknownBlobs = words
      .filter(({ code }) => code === "MANIFEST_BLOB_UNKNOWN")
      .flatMap(({ message }) => message.match(/\bsha\d+:[0-9a-f]{64,128}\b/g) ?? []);
    this.retryAfter = headers["retry-after"];
    this.retryable = more.retryable ?? (isPassing(status) || this.isLostUpload);
  }

  /** Its disk is full, as docker-registry and others tell it (ENOSPC is 28): whatever is sent next will find it so, too. */
  get isFull(): boolean {
    return this.status === 507 || (this.status >= 500 && /no space left|"Err":28\b/.test(this.message));
  }

  /** The registry does not know the upload any more, or not as far as it had come: it has to begin again. */
  get isLostUpload(): boolean {
    return this.codes.some((code) => LOST.includes(code)) || this.status === 416;
  }
}

// The bytes were right when they left: where the registry got others, a new upload may do better.
const LOST = [
  "BLOB_UPLOAD_UNKNOWN",
  "BLOB_UPLOAD_INVALID",
  "RANGE_INVALID",
  "DIGEST_INVALID",
  "SIZE_INVALID",
];

function readRegistryWords(body: Buffer): readonly RegistryWords[] {
  try {
    const { errors } = JSON.parse(body.toString("utf8")) as { errors?: unknown };
    if (!Array.isArray(errors)) return [];
    return errors.flatMap((one: unknown) => {
      const { code, message, detail } = (one ?? {}) as Record<string, unknown>;
      const more = typeof detail === "string" || typeof detail === "object" ? detailText(detail) : "";
      return typeof code === "string"
        ? [{ code, message: [textOf(message), more].filter(Boolean).join(" ") }]
        : [];
    });
  } catch {
    return [];
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function detailText(detail: unknown): string {
  if (typeof detail === "string") return detail;
  return detail === null ? "" : JSON.stringify(detail).slice(0, 200);
}
