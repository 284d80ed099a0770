import type { StatusDocument } from "../agent/status-document.ts";

/** The document of a running agent; undefined when it is not one, or of a version that this program does not know. */
export function readStatus(document: unknown): StatusDocument | undefined {
  const { schema, atMs, summary, evidence, health, findings, agent } = fields(document);
  if (schema !== "mirrorlet.status/v1" || typeof atMs !== "number") return undefined;
  const { status, sentence } = fields(summary);
  if (typeof status !== "string" || typeof sentence !== "string") return undefined;
  const { registries, sources } = fields(evidence);
  const lists = [registries, sources, health, findings];
  const isWhole = lists.every(Array.isArray) && typeof fields(agent)["version"] === "string";
  return isWhole ? (document as StatusDocument) : undefined;
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
