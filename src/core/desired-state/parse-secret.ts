import { decodeBase64 } from "../decode-base64.ts";
import type { IssueLog } from "./issue-log.ts";
import type { MapReader } from "./map-reader.ts";
import type { Fragment } from "./parsed-state.ts";
import { quote } from "./text.ts";

/** `kind: Secret`: `data` (base64) and `stringData`, which wins. Only what a mirror refers to is ever used. */
export function parseSecret(document: MapReader, log: IssueLog): Fragment {
  const metadata = document.child("metadata", "metadata");
  const name = metadata?.requiredText("name", "add metadata.name");
  if (metadata === undefined) document.missing("metadata", "add metadata with the Secret's name");
  if (name === undefined) return {};
  const namespace = metadata?.text("namespace")?.text ?? "default";
  const data = new Map([...readData(document, log), ...readStringData(document)]);
  return { secrets: [{ name: name.text, namespace, at: document.map.at, data }] };
}

function readData(document: MapReader, log: IssueLog): readonly [string, string][] {
  const data = document.child("data", "data");
  return [...(data?.map.entries ?? [])].flatMap(([key, { value }]): [string, string][] => {
    const text =
      value.kind === "scalar" && typeof value.value === "string" ? decodeBase64(value.value) : undefined;
    if (text !== undefined) return [[key, text]];
    log.error(
      "secret-invalid",
      value.at,
      `the value of ${quote(key)} is not base64 of UTF-8 text`,
      "encode it with base64, or put it under stringData as it is",
    );
    return [];
  });
}

function readStringData(document: MapReader): readonly [string, string][] {
  const data = document.child("stringData", "stringData");
  return [...(data?.map.entries ?? [])].flatMap(([key]): [string, string][] => {
    const text = data?.text(key, { lines: true });
    return text === undefined ? [] : [[key, text.text]];
  });
}
