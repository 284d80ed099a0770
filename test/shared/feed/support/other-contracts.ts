import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { load } from "@grpc/proto-loader";
import type { FeedDefinition } from "../../../../src/shared/feed/generated/mirrorlet/feed/v1/Feed.ts";
import { FEED_PROTOCOL_FILE } from "../../../../src/shared/feed/read-protocol.ts";
import { scratch } from "../../../host/scratch.ts";

export const contract: string = readFileSync(FEED_PROTOCOL_FILE, "utf8");

/** Ours and everything that may be added to it: to each message, each oneof, each enum, and to the service. */
export function addToContract(text: string): string {
  return `${text
    .replace(/^message (\w+) \{/gm, `message $1 {\n${LATER_FIELDS}`)
    .replace(/^( *)oneof (\w+) \{/gm, "$1oneof $2 {\n    Later later = 1000;")
    .replace(/^enum (\w+) \{([^}]*)\}/gm, (_all, name, values) => {
      return `enum ${name} {${values}  ${name.toUpperCase()}_LATER = 1000;\n}`;
    })
    .replace(/^service (\w+) \{/m, "service $1 {\n  rpc Later(stream Later) returns (stream Later);")}
message Later { string text = 1; }
`;
}

const LATER_FIELDS = `
  string later_text = 1001;
  Later later_message = 1002;
  repeated uint64 later_numbers = 1003;
  map<string, Later> later_map = 1004;
  optional double later_double = 1005;
  fixed32 later_fixed = 1006;
`;

const LATER = {
  laterText: "later",
  laterMessage: { text: "later" },
  laterNumbers: [1, 2 ** 40],
  laterMap: { later: { text: "" } },
  laterDouble: 0.5,
  laterFixed: 7,
};

/** The message with all that a later peer adds to it and to what is in it. */
export function addToMessage<T>(message: T): T {
  if (Array.isArray(message)) return message.map(addToMessage) as T;
  if (typeof message !== "object" || message === null || message instanceof Uint8Array) return message;
  const parts = Object.entries(message).map(([name, part]) => {
    // The one map: its keys are no fields.
    return [name, name === "labels" ? part : addToMessage(part)] as const;
  });
  return { ...Object.fromEntries(parts), ...LATER } as T;
}

/** Without these fields and values, as a contract was before they were added. */
export function takeFromContract(text: string, names: readonly string[]): string {
  return names.reduce((left, name) => {
    const without = left.replace(new RegExp(`^ +(?:[\\w.]+ |map<.*> )*${name} = \\d+;\\n`, "gm"), "");
    if (without === left) throw new Error(`there is no ${name} in the contract`);
    return without;
  }, text);
}

/** The service by another contract, for either end; messages look as those of ours do. */
export async function loadContract(t: TestContext, text: string): Promise<FeedDefinition> {
  const file = join(scratch(t), "feed.proto");
  writeFileSync(file, text);
  const all = await load(file, { defaults: true, oneofs: true, longs: Number, enums: String });
  return all["mirrorlet.feed.v1.Feed"] as unknown as FeedDefinition;
}
