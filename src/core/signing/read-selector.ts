import type { JsonDocument } from "./json-reader.ts";
import { readArray, readFields, readString } from "./json-reader.ts";
import type { JsonNode } from "./json-text.ts";
import { isLabelKey, isLabelValue, isNodeName, type Selector } from "./selector.ts";

/**
 * Throws a Refusal. An empty list is refused, and so are empty labels: they could be meant as nobody or as everybody.
 */
export function readSelector(node: JsonNode, document: JsonDocument): Selector {
  const { nodes, labels } = readFields(node, "a selector", document, [], ["nodes", "labels"]);
  return {
    ...(nodes && { nodes: readNames(nodes, "nodes", isNodeName, document) }),
    ...(labels && { labels: readLabels(labels, document) }),
  };
}

function readLabels(node: JsonNode, document: JsonDocument): Readonly<Record<string, readonly string[]>> {
  if (node.kind !== "object") throw document.refuse(node, "labels must be an object of lists");
  if (node.entries.size === 0) throw document.refuse(node, "labels is empty: leave it out to mean all nodes");
  const labels = [...node.entries].map(([key, { keyAt, value }]) => {
    if (!isLabelKey(key)) throw document.refuse(keyAt, "this is no key of a label");
    return [key, readNames(value, "a label's values", isLabelValue, document)] as const;
  });
  return Object.fromEntries(labels);
}

function readNames(
  node: JsonNode,
  what: string,
  isName: (text: string) => boolean,
  document: JsonDocument,
): readonly string[] {
  const items = readArray(node, what, document);
  if (items.length === 0) throw document.refuse(node, `${what} is empty: it would mean nobody`);
  return items.map((item) => {
    const text = readString(item, `an item of ${what}`, document);
    if (isName(text)) return text;
    throw document.refuse(item, `${what}: letters, digits, dots, dashes and underscores only`);
  });
}
