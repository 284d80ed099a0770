import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { builtPackage, packageSkipReason } from "../../support/built-package.ts";
import { leaseDirectory } from "../../support/leased-directory.ts";

test("the same sources make the same bytes, whatever the time zone, the umask and the folder", {
  skip: packageSkipReason() ?? false,
}, async (context) => {
  const first = readFileSync(await builtPackage());
  const lease = await leaseDirectory("package");
  context.after(() => lease.release());
  const script = 'umask 077; cd / && exec "$0/scripts/build-deb" --fast --out "$1"';
  const epoch = execFileSync("git", ["log", "-1", "--format=%ct"], { encoding: "utf8" }).trim();
  execFileSync("sh", ["-c", script, process.cwd(), lease.path], {
    // The package that is kept may be of an earlier commit with the same sources.
    env: { ...process.env, TZ: "Asia/Tokyo", LC_ALL: "C.UTF-8", SOURCE_DATE_EPOCH: epochOf(first) ?? epoch },
    stdio: "ignore",
    timeout: 800_000,
  });
  const [name = ""] = readdirSync(lease.path).filter((one) => one.endsWith(".deb"));
  assert.ok(first.equals(readFileSync(`${lease.path}/${name}`)), "the bytes differ");
});

/** The time in the header of its first member: ar(5), 16 bytes of name after 8 of magic. */
function epochOf(deb: Buffer): string | undefined {
  return /^\d+/.exec(deb.subarray(24, 36).toString("latin1"))?.[0];
}
