/**
 * Which nodes are meant. Nothing in it: all. `nodes`: any of these ids. `labels`: each key must have one of its values.
 * With both, either is enough. There are no expressions: what a selector means has to be plain to who signs it.
 */
export interface Selector {
  readonly nodes?: readonly string[];
  readonly labels?: Readonly<Record<string, readonly string[]>>;
}

/** What is judged against a selector, from the node's own agent.toml. */
export interface NodeIdentity {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
}

export function matchesSelector({ nodes, labels }: Selector, node: NodeIdentity): boolean {
  if (nodes === undefined && labels === undefined) return true;
  return nodes?.includes(node.id) === true || (labels !== undefined && hasLabels(labels, node));
}

function hasLabels(wanted: Readonly<Record<string, readonly string[]>>, { labels }: NodeIdentity): boolean {
  return Object.entries(wanted).every(([key, values]) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    return value !== undefined && values.includes(value);
  });
}

/** `all nodes`, `nodes n1, n2`, `nodes with class=gpu|cpu and zone=a`. */
export function describeSelector({ nodes, labels }: Selector): string {
  const parts = [
    ...(nodes === undefined ? [] : [listed(nodes)]),
    ...(labels === undefined ? [] : [`with ${Object.entries(labels).map(describeLabel).join(" and ")}`]),
  ];
  return parts.length === 0 ? "all nodes" : `nodes ${parts.join(", or ")}`;
}

function describeLabel([key, values]: readonly [string, readonly string[]]): string {
  return `${key}=${listed(values, "|")}`;
}

const MOST_SHOWN = 8;

function listed(values: readonly string[], separator = ", "): string {
  const more = values.length > MOST_SHOWN ? ` and ${values.length - MOST_SHOWN} more` : "";
  return `${values.slice(0, MOST_SHOWN).join(separator)}${more}`;
}

/** An id of a node, a name of a fleet or channel. */
export function isNodeName(text: string): boolean {
  return /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/.test(text);
}

/** A key of a label, as Kubernetes has them: `class`, `node.kubernetes.io/instance-type`. */
export function isLabelKey(text: string): boolean {
  return (
    text.length <= 317 && /^(?:[A-Za-z0-9.-]+\/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(text)
  );
}

export function isLabelValue(text: string): boolean {
  return /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(text);
}
