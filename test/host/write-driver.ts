// A process of its own for fault injection: writes argv[3] as /target below argv[2], says how it went.

import { HostError } from "../../src/agent/ports.ts";
import { createFiles } from "../../src/host/files.ts";

const [root, text] = process.argv.slice(2) as [string, string];
let attempts = 0;
const temporarySuffix = (): string => `00000000000${attempts++}`;
try {
  await createFiles({ root, temporarySuffix }).write([
    { path: "/target", bytes: Buffer.from(text), mode: 0o600, secret: true },
  ]);
  console.log(JSON.stringify({ ok: true, attempts }));
} catch (error) {
  if (!(error instanceof HostError)) throw error;
  const { code, path, retryable } = error;
  console.log(JSON.stringify({ ok: false, code, path, retryable, attempts }));
}
