import { gunzipSync, inflateRawSync } from "node:zlib";
import type { Answer } from "./ask.ts";

/**
 * A body as Go's client hands it on. No encoding is asked for here; containerd does ask for gzip, and a server may
 * send it unasked. What cannot be decoded stays as it is.
 */
export function decodeBody(
  body: Buffer,
  encoding: string | undefined,
  maxBytes: number,
): Pick<Answer, "body" | "bodyEnd"> {
  const decode = DECODERS[encoding?.trim().toLowerCase() ?? ""];
  if (decode === undefined || body.length === 0) return { body, bodyEnd: "whole" };
  try {
    return { body: decode(body, { maxOutputLength: maxBytes }), bodyEnd: "whole" };
  } catch (error) {
    const isTooLong = (error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE";
    return { body, bodyEnd: isTooLong ? "limit" : "whole" };
  }
}

const DECODERS: Readonly<Record<string, (body: Buffer, options: { maxOutputLength: number }) => Buffer>> = {
  gzip: gunzipSync,
  "x-gzip": gunzipSync,
  deflate: inflateRawSync,
};
