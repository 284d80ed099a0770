import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { createLog, type LogForm, type LogLevel } from "../../src/host/log.ts";

function logging(options: { level?: LogLevel; form?: LogForm; color?: boolean } = {}) {
  const lines: string[] = [];
  const { level = "info", form = "json", color = false } = options;
  return { lines, log: createLog({ level, form, color, write: (line) => lines.push(line) }) };
}

test("one JSON line an event, with time, level and fields", () => {
  const { lines, log } = logging();
  log.info({ path: "/etc/x", count: 3, changed: true, hosts: ["gcr.io"], absent: undefined }, "applied\nit");
  assert.equal(lines.length, 1);
  assert.equal(lines[0]?.indexOf("\n"), (lines[0]?.length ?? 0) - 1);
  const { time, ...event } = JSON.parse(lines[0] ?? "");
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  assert.deepEqual(event, {
    level: "info",
    path: "/etc/x",
    count: 3,
    changed: true,
    hosts: ["gcr.io"],
    message: "applied\nit",
  });
});

test("the level decides", () => {
  const { lines, log } = logging({ level: "warn" });
  log.debug({}, "1");
  log.info({}, "2");
  log.warn({}, "3");
  log.error({}, "4");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).message),
    ["3", "4"],
  );
});

test("readable on a terminal, and nothing that comes from outside can move the cursor or fake a line", () => {
  const { lines, log } = logging({ form: "terminal" });
  log.warn({ error: 'no "such" host', url: "a\u001b[2Jb", n: 1 }, "probe failed\n12:00:00 info  all well");
  assert.match(
    lines.join(""),
    /^\d\d:\d\d:\d\d warn {2}probe failed\\u000a12:00:00 info {2}all well error="no \\"such\\" host" url=a\\u001b\[2Jb n=1\n$/,
  );
  const colored = logging({ form: "terminal", color: true });
  colored.log.error({}, "x");
  assert.match(colored.lines[0] ?? "", /\u001b\[31merror\u001b\[0m x/);
});

test("secrets are masked by the name of their field and by their look", () => {
  for (const form of ["json", "terminal", "journal"] as const) {
    const { lines, log } = logging({ form });
    log.info(
      {
        password: "hunter2-a",
        Authorization: "Basic hunter2-b",
        registryToken: "hunter2-c",
        url: "https://user:hunter2-d@mirror.example/v2/",
        error: 'header "Authorization: Bearer hunter2-eeee" refused',
        words: ["--password=hunter2-f", "ok"],
        pem: "-----BEGIN EC PRIVATE KEY-----\nhunter2-g\n-----END EC PRIVATE KEY-----",
        secrets_dir: "/etc/mirrorlet/secrets",
      },
      "login with hunter:hunter2@x failed: Basic aHVudGVyMg==, see http://u:hunter2-h@h/",
    );
    const text = lines.join("").replace("hunter:hunter2@x", "");
    assert.doesNotMatch(text, /hunter2|aHVudGVyMg/);
    assert.match(text, /\/etc\/mirrorlet\/secrets/);
    assert.match(text, /\*\*\*@mirror\.example\/v2\//);
  }
});

test("field names of objects and prototypes are nothing special", () => {
  const { lines, log } = logging();
  log.info(JSON.parse('{"__proto__": "x", "constructor": "y"}'), "m");
  assert.equal(JSON.parse(lines[0] ?? "").constructor, "y");
  assert.equal(Object.getPrototypeOf({}), Object.prototype);
});

test("a reader that went away does not end the program", () => {
  const module = JSON.stringify(join(import.meta.dirname, "../../src/host/log.ts"));
  const code = `import { createLog } from ${module};
    const log = createLog({ level: "info", form: "json", color: false });
    for (let i = 0; i < 1000; i++) log.info({ i }, "x".repeat(500));
    console.log("alive");`;
  const run = spawnSync(
    "bash",
    [
      "-o",
      "pipefail",
      "-c",
      '{ "$0" --import tsx --input-type=module -e "$1" 2>&1 >&3 | true; } 3>&1',
      process.execPath,
      code,
    ],
    { encoding: "utf8" },
  );
  assert.equal(run.stdout, "alive\n");
});

test("for the journal a priority, and neither time nor level, which it has itself", () => {
  const { lines, log } = logging({ form: "journal", level: "debug" });
  log.debug({}, "a");
  log.info({ url: "http://h/" }, "b");
  log.warn({}, "c\n<0>d");
  log.error({}, "e");
  assert.deepEqual(lines, ["<7>a\n", "<6>b url=http://h/\n", "<4>c\\u000a<0>d\n", "<3>e\n"]);
});

test("what a terminal would obey or show out of order is escaped, in JSON as in text", () => {
  const marks = "\u007f\u0085\u009b\u200f\u2028\u2029\u202a\u202e\u2066\u2069";
  for (const form of ["json", "terminal", "journal"] as const) {
    let written = "";
    const log = createLog({
      level: "info",
      form,
      color: false,
      write: (text) => {
        written += text;
      },
    });
    log.warn({ path: `a${marks}b` }, `c${marks}d`);
    for (const mark of marks) assert.ok(!written.includes(mark), `${form} ${mark.charCodeAt(0)}`);
    assert.equal(written.split("\n").length, 2);
    if (form === "json") assert.equal((JSON.parse(written) as { path: string }).path, `a${marks}b`);
  }
});
