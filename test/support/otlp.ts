import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadSync, type MethodDefinition, type ServiceDefinition } from "@grpc/proto-loader";

/** A span in the JSON form of proto/otlp-trace.proto; ids in base64, times as decimal text. */
export interface OtlpSpan {
  readonly traceId?: string | Uint8Array;
  readonly spanId?: string | Uint8Array;
  readonly parentSpanId?: string | Uint8Array;
  readonly name?: string;
  readonly startTimeUnixNano?: string;
  readonly endTimeUnixNano?: string;
  readonly attributes?: readonly OtlpAttribute[];
  readonly events?: readonly {
    readonly timeUnixNano?: string;
    readonly name?: string;
    readonly attributes?: readonly OtlpAttribute[];
  }[];
  readonly status?: { readonly code?: number; readonly message?: string };
}

export interface OtlpAttribute {
  readonly key: string;
  readonly value: {
    readonly stringValue?: string;
    readonly intValue?: string | number;
    readonly boolValue?: boolean;
    readonly doubleValue?: number;
  };
}

const definitions = loadSync(join(import.meta.dirname, "../../proto/otlp-trace.proto"));
const service = definitions["opentelemetry.proto.collector.trace.v1.TraceService"] as ServiceDefinition;

/** The bytes of an export, by a codec that is not ours. */
export function encodeExport(spans: readonly OtlpSpan[], serviceName = "containerd"): Uint8Array {
  const attributes = serviceName === "" ? [] : [{ key: "service.name", value: { stringValue: serviceName } }];
  return encodeRequest({ resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans }] }] });
}

export function encodeRequest(request: object): Uint8Array {
  return (service["Export"] as MethodDefinition<object, object>).requestSerialize(request);
}

const fixtures = join(import.meta.dirname, "../core/evidence/traces/fixtures");

/** What a containerd of the lab exported: one list of spans for each export. Its mirror is 127.0.0.1:5000. */
export function readExports(name: string): readonly (readonly OtlpSpan[])[] {
  const text = readFileSync(join(fixtures, `${name}.jsonl`), "utf8");
  return text
    .trim()
    .split("\n\n")
    .map((lines) => lines.split("\n").map((line) => JSON.parse(line) as OtlpSpan));
}

/** The bytes of an export as they came. */
export function readRawExport(name: string): Uint8Array {
  return Buffer.from(readFileSync(join(fixtures, `${name}.hex`), "utf8").replace(/\s/g, ""), "hex");
}
