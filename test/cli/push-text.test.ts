import assert from "node:assert/strict";
import { test } from "node:test";
import { stoppedText, summaryText, surveyText } from "../../src/cli/push-text.ts";
import { createPushProgress } from "../../src/core/bundle/push/push-progress.ts";

const view = createPushProgress(undefined, 0).view(0);
const digest = `sha256:${"4e".repeat(32)}`;
const result = { name: "gcr.io/a/b:1", repository: "site/a/b", tag: "1", digest };

test("within 80 columns: what stays at a registry that deletes nothing, what failed and how to go on", () => {
  const place = { target: "mirror.example:5000/site", tookMs: 65_000, columns: 80 };
  const whole = summaryText([{ ...result, result: "pushed" }], view, {
    ...place,
    leftOver: { repository: "site/mirrorlet-staging", holds: "layers", why: "unsupported" },
  });
  const failed = summaryText([{ ...result, result: "failed", reason: "word ".repeat(40) }], view, place);
  for (const line of `${whole}${failed}`.split("\n")) assert.ok(line.length <= 80, line);
  assert.match(whole, /The repository site\/mirrorlet-staging stays, as this registry deletes nothing:/);
  const refused = { repository: "site/mirrorlet-staging", holds: "layers", why: "refused" } as const;
  assert.match(
    summaryText([], view, { ...place, columns: 400, leftOver: refused }),
    /stays, as the login may not delete there:/,
  );
  for (const [why, words] of [
    [
      "refused",
      /stays, as the login may not delete there: it has the two bytes with which mounts were tried/,
    ],
    ["emptied", /, where mounts were tried with two bytes, is empty again/],
    ["kept", /keeps the two bytes with which mounts were tried/],
  ] as const) {
    const probed = { repository: "site/mirrorlet-staging", holds: "probe", why } as const;
    const text = summaryText([], view, { ...place, columns: 400, leftOver: probed }).replaceAll("\n", " ");
    assert.match(text, words);
    assert.doesNotMatch(text, /layers (?:once|passed)/);
  }
  assert.match(
    failed,
    /1 image failed:\n {2}gcr\.io\/a\/b:1\n {4}word .*The same command goes on from here/s,
  );
});

test("what is damaged in the bundle is not helped by the same command", () => {
  const place = { target: "mirror:5000", tookMs: 2_000, columns: 80 };
  const bad = { ...result, result: "failed", reason: "it is damaged", isDamaged: true } as const;
  assert.match(summaryText([bad], view, place), /\nThe bundle is damaged: push a whole copy of it\. /);
});

test("how to go on: what a rerun cannot mend is said so, and what was not tried is no failure", () => {
  const place = { target: "mirror:5000", tookMs: 2_000, columns: 80 };
  const lost = { ...result, result: "failed", reason: "408" } as const;
  assert.match(summaryText([lost], view, place), /408\n\nThe same command goes on from here/);
  const refused = { ...result, result: "failed", reason: "412", needsChange: true } as const;
  assert.match(
    summaryText([lost, refused], view, place),
    /412\n\nWhen that has been put right, the same command goes on from here:.*is not sent again/s,
  );
  const left = { ...result, result: "left" } as const;
  assert.match(
    summaryText([left, left], view, place),
    /\n\n2 images not tried any more\.\n\nThe same command/,
  );
});

test("stopped: what has come, and what goes on from there", () => {
  const place = { target: "mirror:5000", tookMs: 2_000, columns: 80 };
  assert.match(stoppedText(view, { ...place, isBad: false }), /none has its tag\.\nThe same command goes on/);
  assert.match(stoppedText(view, { ...place, isBad: true }), /none has its tag\.\nA whole bundle goes on/);
});

test("what a push would do, within 80 columns, however long the names are", () => {
  const path = "anthos-baremetal-release/a-component/controller";
  const top = { mediaType: "m", digest, size: 1 };
  const tree = { image: { name: `gcr.io/${path}:1`, top }, manifests: [], blobs: [], absent: [] };
  const image = { name: `gcr.io/${path}:1`, repository: `site/${path}`, tag: "1", tree, referrers: [] };
  const missing = {
    image,
    isThere: false,
    missingBytes: 5_000_000,
    problem: "the bundle lacks 1 part of it",
  };
  const text = surveyText([missing], "a-mirror-with-a-long-name.example:5000/site/and/more", 80);
  for (const line of text.split("\n")) assert.ok(line.length <= 80, line);
  assert.match(
    text.replaceAll(/\s+/g, " "),
    /^ 5\.0 MB gcr\.io\/.*:1 → site\/.*:1 \(the bundle lacks 1 part of it\) 1 image to push to .* Nothing was sent\. $/,
  );
});
