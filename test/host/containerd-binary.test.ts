import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { HostError } from "../../src/agent/ports.ts";
import { createContainerdBinary } from "../../src/host/containerd-binary.ts";

test("a dump that was cut off is tried again, one that was refused is an answer", async () => {
  const dir = mkdtempSync(join(tmpdir(), "mirrorlet-binary-"));
  try {
    const program = join(dir, "containerd");
    const { dumpConfig } = createContainerdBinary(program, "/");
    writeFileSync(program, "#!/bin/sh\nkill -9 $$\n", { mode: 0o755 });
    await assert.rejects(dumpConfig(program), (error) => error instanceof HostError && error.retryable);
    writeFileSync(program, "#!/bin/sh\necho 'containerd: bad value' >&2\nexit 1\n", { mode: 0o755 });
    assert.deepEqual(await dumpConfig(program), { ok: false, message: "bad value" });
  } finally {
    rmSync(dir, { recursive: true });
  }
});
