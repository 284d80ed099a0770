/**
 * The trace that a request is part of, from its `traceparent` header; undefined for none.
 * Format: https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function readTraceparent(header: string | undefined): string | undefined {
  const traceId = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(header ?? "")?.[1];
  return traceId === "0".repeat(32) ? undefined : traceId;
}
