import assert from "node:assert/strict";
import { test } from "node:test";
import { createPushDisplay } from "../../src/cli/push-display.ts";
import type { PlannedImage } from "../../src/core/bundle/push/plan-push.ts";
import type { ImageResult } from "../../src/core/bundle/push/push-event.ts";

const digest = `sha256:${"4e".repeat(32)}`;
const repository = "site/anthos-baremetal-release/a-component-with-a-long-name/controller";
const image: PlannedImage = {
  name: "gcr.io/a/b:1",
  repository,
  tag: "1",
  referrers: [],
  tree: {
    image: { name: "gcr.io/a/b:1", top: { mediaType: "m", digest: "sha256:top", size: 1 } },
    manifests: [],
    blobs: [{ mediaType: "l", digest, size: 30_000_000 }],
    absent: [],
  },
};

function shown(
  kind: "terminal" | "lines" | "json",
  end: Pick<ImageResult, "result" | "reason"> = { result: "pushed" },
) {
  let text = "";
  let draw = () => {};
  let nowMs = 0;
  const display = createPushDisplay([image], {
    kind,
    columns: 80,
    write: (more) => {
      text += more;
    },
    now: () => nowMs,
    every: (_, call) => {
      draw = call;
      return () => {};
    },
  });
  display.note({ kind: "blob-begin", repository, digest, size: 30_000_000 });
  nowMs = 3_000;
  display.note({ kind: "blob-sent", repository, digest, bytes: 12_000_000 });
  draw();
  display.note({ kind: "retry", what: "x", failed: 1, delayMs: 8_000, reason: "it answers \u001b[31m503" });
  draw();
  const result = { name: image.name, repository, tag: "1", digest: "sha256:top", ...end };
  display.note({ kind: "image-end", ...result });
  display.end();
  return text;
}

test("on a terminal: within its width, drawn over, and gone in the end", () => {
  const text = shown("terminal");
  const lines = text.replace(/\u001b\[\d*[AJK]/g, "").split("\n");
  assert.equal(Math.max(...lines.map(({ length }) => length)) < 80, true);
  assert.equal(lines[0], " 40 %  image 0 of 1  12.0 MB of 30.0 MB  4.0 MB/s  0:05 left");
  assert.match(lines[1] ?? "", /^ {7}12\.0 MB of 30\.0 MB {4}4e4e4e4e4e4e {2}….*-name\/controller$/);
  assert.ok(text.includes("\u001b[2A\u001b[Jagain in 0:08: it answers  [31m503\n"), JSON.stringify(text));
  assert.ok(text.endsWith("pushed  gcr.io/a/b:1\n"), JSON.stringify(text.slice(-80)));
});

test("without one: a line now and then, and nothing that moves a cursor", () => {
  assert.equal(
    shown("lines"),
    `40 %  image 0 of 1  12.0 MB of 30.0 MB  4.0 MB/s  0:05 left
again in 0:08: it answers  [31m503
40 %  image 0 of 1  12.0 MB of 30.0 MB  4.0 MB/s  1 retried
pushed  gcr.io/a/b:1
`,
  );
});

test("why an image failed: a line on a terminal, where the summary has the rest; all of it elsewhere", () => {
  const reason = "word ".repeat(40).trim();
  for (const kind of ["terminal", "lines"] as const) {
    const text = shown(kind, { result: "failed", reason });
    const line = text.split("\n").find((one) => one.includes("failed  ")) ?? "";
    if (kind === "lines") assert.equal(line, `failed  gcr.io/a/b:1: ${reason}`);
    else assert.match(line, /failed {2}gcr\.io\/a\/b:1: word .*…$/);
    if (kind === "terminal") assert.equal(line.replace(/\u001b\[\d*[AJK]/g, "").length, 78);
  }
});

test("as JSON: a document a line", () => {
  const events = shown("json")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { event: { kind: string } });
  assert.deepEqual(
    events.map(({ event }) => event.kind),
    ["blob-begin", "retry", "image-end"],
  );
});

test("a bundle that comes by: how much of it has, then its images, and no share a second time", () => {
  let text = "";
  let draw = () => {};
  let nowMs = 0;
  const display = createPushDisplay(undefined, {
    kind: "lines",
    columns: 80,
    write: (more) => {
      text += more;
    },
    now: () => nowMs,
    every: (_, call) => {
      draw = call;
      return () => {};
    },
  });
  const staging = "site/mirrorlet-staging";
  display.note({ kind: "blob-begin", repository: staging, digest, size: 30_000_000 });
  nowMs = 4_000;
  display.note({ kind: "blob-sent", repository: staging, digest, bytes: 12_000_000 });
  display.note({ kind: "read", bytes: 10_000_000, total: 40_000_000 });
  draw();
  display.note({ kind: "blob-sent", repository: staging, digest, bytes: 30_000_000 });
  display.note({
    kind: "blob-end",
    repository: staging,
    digest,
    size: 30_000_000,
    end: "uploaded",
    sentBytes: 30_000_000,
  });
  display.plan([image]);
  draw();
  display.note({ kind: "blob-end", repository, digest, size: 30_000_000, end: "mounted", sentBytes: 0 });
  draw();
  assert.equal(
    text,
    `25 %  10.0 MB of 40.0 MB read  12.0 MB sent  3.0 MB/s  0:12 left
image 0 of 1  0 B of 30.0 MB  7.5 MB/s
image 0 of 1  30.0 MB of 30.0 MB  7.5 MB/s
`,
  );
  const { bytes } = display.end();
  assert.deepEqual([bytes.sent, bytes.mounted, bytes.there], [30_000_000, 30_000_000, 0]);
});
