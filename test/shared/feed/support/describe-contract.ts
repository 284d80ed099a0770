import protobuf from "protobufjs";

/** All that a peer has to agree with, one line each: `Hello 3: bytes instance`. Comments and order are not part of it. */
export function describeContract(text: string): readonly string[] {
  return describeAll(protobuf.parse(text, { keepCase: true }).root);
}

function describeAll(within: protobuf.NamespaceBase): readonly string[] {
  return within.nestedArray.flatMap((one) => [
    ...describeOne(one),
    ...(one instanceof protobuf.Namespace ? describeAll(one) : []),
  ]);
}

function describeOne(one: protobuf.ReflectionObject): readonly string[] {
  // With the package: it is part of the path of calls.
  const name = one.fullName.slice(1);
  if (one instanceof protobuf.Type)
    return one.fieldsArray.map((field) => `${name} ${field.id}: ${describeField(field)}`);
  if (one instanceof protobuf.Enum)
    return Object.entries(one.values).map(([value, number]) => `${name} ${number}: ${value}`);
  if (!(one instanceof protobuf.Service)) return [];
  return one.methodsArray.map((method) => {
    const { requestStream, responseStream, requestType, responseType } = method;
    const from = `${requestStream ? "stream " : ""}${requestType}`;
    return `${name} ${method.name}: ${from} -> ${responseStream ? "stream " : ""}${responseType}`;
  });
}

function describeField(field: protobuf.Field): string {
  const { name, type, repeated, partOf } = field;
  if (field instanceof protobuf.MapField) return `map<${field.keyType}, ${type}> ${name}`;
  // `optional` is a oneof of its own to protobufjs, and the same to the wire.
  const choice = partOf === null || partOf.name.startsWith("_") ? "" : ` in ${partOf.name}`;
  return `${repeated ? "repeated " : ""}${type} ${name}${choice}`;
}

/** What of the released contract does not hold any more, and what that means; additions are none. */
export function compareContracts(released: readonly string[], now: readonly string[]): readonly string[] {
  const present = new Map(now.map(split));
  return released.map(split).flatMap(([at, was]) => {
    const is = present.get(at);
    if (is === was) return [];
    return [is === undefined ? tellGone(at, was, present) : `${at} was \`${was}\` and is \`${is}\`: ${READ}`];
  });
}

const READ =
  "released nodes and servers go on reading and writing it as it was. Leave it, and add the new one under a number that was never used";

function tellGone(at: string, was: string, present: ReadonlyMap<string, string>): string {
  const message = at.replace(/ \S+$/, "");
  const moved = [...present].find(([place, is]) => is === was && place.startsWith(`${message} `));
  const where = moved === undefined ? "is gone" : `has become ${moved[0]}`;
  return `${at}, \`${was}\`, ${where}: released nodes and servers still send it, or wait for it. Leave it where it is`;
}

function split(line: string): readonly [string, string] {
  const [at = "", what = ""] = line.split(": ");
  return [at, what];
}
