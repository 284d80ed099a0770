/** Messages of proto/etcd.proto as they come from the loader; all fields are there, absent messages are null. */

export interface EtcdHeader {
  readonly revision: number;
}

export interface EtcdKeyValue {
  readonly key: Buffer;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly value: Buffer;
}

export interface RangeReply {
  readonly header: EtcdHeader;
  readonly kvs: readonly EtcdKeyValue[];
  readonly more: boolean;
}

export interface TxnReply {
  readonly header: EtcdHeader;
  readonly succeeded: boolean;
  readonly responses: readonly { readonly responseRange?: RangeReply | null }[];
}

export interface WatchReply {
  readonly header: EtcdHeader;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compactRevision: number;
  readonly cancelReason: string;
  readonly fragment: boolean;
  readonly events: readonly EtcdEvent[];
}

export interface EtcdEvent {
  readonly type: "PUT" | "DELETE";
  readonly kv: EtcdKeyValue;
}

/** The keys that begin with `prefix`: from it to the first that comes after all of them. */
export function rangeOf(prefix: string): { readonly key: Buffer; readonly rangeEnd: Buffer } {
  const key = Buffer.from(prefix);
  const rangeEnd = Buffer.from(prefix);
  // Keys are ASCII: the last byte is never 255.
  rangeEnd.writeUInt8(rangeEnd.readUInt8(rangeEnd.length - 1) + 1, rangeEnd.length - 1);
  return { key, rangeEnd };
}
