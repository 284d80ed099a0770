#!/usr/bin/env node
import { parseArgs } from "node:util";
import { runHelper } from "./program/run-helper.ts";

// Without a handler of ours SIGUSR1 opens the inspector, and with it root's rights to every user of the node.
process.on("SIGUSR1", () => {});

const { values } = parseArgs({
  options: {
    config: { type: "string" },
    root: { type: "string", default: "" },
    socket: { type: "string" },
    group: { type: "string", default: "0" },
    // Seconds; 0: it stays.
    idle: { type: "string", default: "10" },
  },
});
const { config, root, socket, group, idle } = values;
const code = await runHelper({
  root,
  config,
  socket: socket === undefined ? undefined : { path: socket, gid: Number(group) },
  idleMs: Number(idle) * 1000,
});
process.exit(code);
