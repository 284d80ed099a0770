import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";

/** impossible: nothing was done · exchanged · put-back: what came out was not as expected, and is back. */
export type Exchange = "impossible" | "exchanged" | "put-back";

/**
 * Exchanges what two names stand for, in one step: renameat2(2) with RENAME_EXCHANGE. What `target` stood for is then
 * at `fresh`, to be looked at; where that is not a file of the expected bytes it is put back at once. Node cannot ask
 * for the call, and perl can, which is on every Debian.
 */
export async function exchangeFiles(fresh: string, target: string, expected: Uint8Array): Promise<Exchange> {
  const number = CALL_NUMBERS[process.arch];
  if (number === undefined || !isExecutable(PERL)) return "impossible";
  const status = await runPerl([String(number), fresh, target], expected);
  return status === 0 ? "exchanged" : status === PUT_BACK ? "put-back" : "impossible";
}

const PERL = "/usr/bin/perl";
const TIMEOUT_MS = 10_000;
const PUT_BACK = 3;

/** Of renameat2. Linux: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h */
const CALL_NUMBERS: Readonly<Partial<Record<NodeJS.Architecture, number>>> = { x64: 316, arm64: 276 };

/** Both relative to AT_FDCWD (-100), which absolute paths do not care about; 2 is RENAME_EXCHANGE. perlfunc(1), syscall. */
const PROGRAM = `
my ($number, $fresh, $target) = @ARGV;
binmode STDIN;
local $/;
my $expected = <STDIN>;
sub exchange { syscall($number + 0, -100, $fresh, -100, $target, 2) == 0 }
exchange() or exit 1;
my ($file, $found);
$found = <$file> if !-l $fresh && -f _ && open($file, "<:raw", $fresh);
exit 0 if defined $found && $found eq $expected;
exit(exchange() ? ${PUT_BACK} : 0);
`;

/** Its exit status; undefined: it did not end by itself. */
function runPerl(args: readonly string[], input: Uint8Array): Promise<number | undefined> {
  return new Promise((resolve) => {
    const options = { cwd: "/", env: { LC_ALL: "C" }, timeout: TIMEOUT_MS };
    const child = execFile(PERL, ["-e", PROGRAM, ...args], options, () =>
      resolve(child.exitCode ?? undefined),
    );
    // It may end before it has read all; its status tells.
    child.stdin?.on("error", () => undefined).end(input);
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
