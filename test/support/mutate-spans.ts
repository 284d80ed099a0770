import type { OtlpSpan } from "./otlp.ts";

/** A few of `spans` as no containerd makes them: hung elsewhere, of another name, with other attributes and times. */
export function mutateSpans(spans: readonly OtlpSpan[], random: () => number): readonly OtlpSpan[] {
  const below = (end: number): number => Math.floor(random() * end);
  const of = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const id = (length: number): Uint8Array => new Uint8Array(length).fill(1 + below(5));
  const changes: readonly ((span: OtlpSpan) => OtlpSpan)[] = [
    (span) => ({ ...span, traceId: id(16) }),
    (span) => ({ ...span, spanId: id(8) }),
    (span) => ({ ...span, parentSpanId: of([new Uint8Array(), id(8), span.spanId ?? ""]) }),
    (span) => ({ ...span, name: of(spans).name ?? "" }),
    (span) => ({ ...span, startTimeUnixNano: of(times), endTimeUnixNano: of(times) }),
    (span) => ({ ...span, attributes: of(spans).attributes ?? [] }),
    (span) => ({ ...span, events: [...(of(spans).events ?? []), ...(span.events ?? [])] }),
    (span) => ({ ...span, status: { code: below(4), message: of(texts) } }),
    (span) => ({
      ...span,
      attributes: (span.attributes ?? []).map(({ key, value }) => ({
        key,
        value: below(3) > 0 ? value : { stringValue: of(texts) },
      })),
    }),
  ];
  return Array.from({ length: 1 + below(20) }, () => {
    let span = of(spans);
    for (let left = below(4); left > 0; left--) span = of(changes)(span);
    return span;
  });
}

const times = ["0", "1", "1795731403074297327", "9223372036854775807", "18446744073709551615"];

const texts = [
  "",
  "http://",
  "https://[::1]:5000/v2/a/manifests/b?ns=%",
  "http://127.0.0.1:5000/v2/team/app/blobs/sha256:0?ns=gcr.io",
  "https://gcr.io/v2//blobs/../manifests/",
  "https://a@b@c/v2/x/manifests/y?ns=%5BREDACTED%5D&ns=__proto__",
  "http://127.0.0.1:5000/constructor/manifests/toString?ns=constructor",
  `${"a/".repeat(2000)}manifests/x`,
  "GET",
  "404 Not Found",
  "-1",
  "gcr.io/team/app:1.0",
  `rpc error: code = ${"x".repeat(3000)}`,
  "Basic dXNlcjpzZWNyZXQ= ://@://@",
  "\u0000\u001b[2J\ud800",
];
