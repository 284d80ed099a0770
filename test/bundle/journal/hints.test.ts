import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openJournal } from "../../../src/bundle/journal/open-journal.ts";
import type { PushJournal } from "../../../src/bundle/journal/push-journal.ts";
import { frontedRegistry } from "../../support/fronted-registry.ts";
import { buildImage } from "../../support/image.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { indexFirst } from "../../support/layout-parts.ts";
import { memoryBundle } from "../../support/memory-bundle.ts";
import { scratch } from "../../support/opened-bundle.ts";
import { pushBundle } from "../../support/push-bundle.ts";
import { compress, pushPassing } from "../../support/push-passing.ts";
import { tarOf } from "../../support/tar.ts";

const skip = partSkipReason("docker-registry");
const { front } = await frontedRegistry(skip);

function freshJournal(context: TestContext): PushJournal {
  return openJournal(join(scratch(context), "journal.jsonl"), "t");
}

for (const kind of ["at rest", "by a stream, index first"] as const)
  test(`what is noted is asked for before it is believed: ${kind}`, { skip }, async (context) => {
    front.script();
    // So small that it is not asked for without a reason.
    const image = buildImage({ layers: 2, bytesPerLayer: 50_000 });
    const images = { "gcr.io/a/one:1": image };
    const push = (journal: PushJournal) =>
      kind === "at rest"
        ? pushBundle(front.url, memoryBundle(images), { journal })
        : pushPassing(front.url, compress(tarOf(indexFirst(images)), "gzip"), { journal });
    const journal = freshJournal(context);
    for (const { digest } of image.blobs) journal.note("a/one", digest);
    const sent = await push(journal);
    assert.equal(sent.results[0]?.result, "pushed", sent.results[0]?.reason);

    // As after a kill: the layers are there, and the image is not.
    front.script({ method: "HEAD", path: /\/manifests\//, does: { kind: "status", status: 404 } });
    front.clearRequests();
    const again = await push(journal);
    assert.equal(again.results[0]?.result, "pushed", again.results[0]?.reason);
    const uploads = front.requests().filter(({ path }) => path.includes("/blobs/uploads/"));
    assert.deepEqual(
      uploads.map(({ method, path }) => `${method} ${path}`),
      [],
      "what is there is not sent again",
    );
  });
