import { isLabelKey, isLabelValue, isNodeName, type Selector } from "../signing/selector.ts";
import { FLEET_LIMITS } from "./fleet-limits.ts";
import type { RecordReader } from "./record-reader.ts";

/** An empty list, and empty labels, are refused: they could be meant as nobody or as everybody. */
export function readSelector(reader: RecordReader): Selector {
  const nodes = reader.optional("nodes", () => readNodes(reader));
  const labels = reader.optional("labels", () => readLabelLists(reader, "labels"));
  return { ...(nodes && { nodes }), ...(labels && { labels }) };
}

export function readNodes(reader: RecordReader): readonly string[] {
  const nodes = reader.texts("nodes", FLEET_LIMITS.selectorValues, isNodeName, "the id of a node");
  if (nodes.length === 0) reader.refuse("nodes", `${reader.nameOf("nodes")} is empty: it would mean nobody`);
  return nodes;
}

export function readLabelLists(
  reader: RecordReader,
  key: string,
): Readonly<Record<string, readonly string[]>> {
  const labels = reader.child(key, "labels with lists of values", (labels) =>
    labels.keys().map((name) => {
      if (!isLabelKey(name)) labels.refuse(name, `${JSON.stringify(name)} is no key of a label`);
      const values = labels.texts(name, FLEET_LIMITS.selectorValues, isLabelValue, "the value of a label");
      if (values.length === 0) labels.refuse(name, `${labels.nameOf(name)} is empty: it would mean nobody`);
      return [name, values] as const;
    }),
  );
  if (labels?.length === 0)
    reader.refuse(key, `${reader.nameOf(key)} is empty`, "leave it out to mean all nodes");
  if ((labels?.length ?? 0) > FLEET_LIMITS.labelKeys)
    reader.refuse(key, `${reader.nameOf(key)} has more than ${FLEET_LIMITS.labelKeys} labels`);
  return Object.fromEntries(labels ?? []);
}

/** `{"class": "gpu"}` */
export function readLabels(reader: RecordReader, key: string): Readonly<Record<string, string>> {
  const labels = reader.child(key, "labels", (labels) =>
    labels.keys().map((name) => {
      if (!isLabelKey(name)) labels.refuse(name, `${JSON.stringify(name)} is no key of a label`);
      return [name, labels.text(name, isLabelValue, "the value of a label")] as const;
    }),
  );
  if ((labels?.length ?? 0) > FLEET_LIMITS.labelKeys)
    reader.refuse(key, `${reader.nameOf(key)} has more than ${FLEET_LIMITS.labelKeys} labels`);
  return Object.fromEntries(labels ?? []);
}
