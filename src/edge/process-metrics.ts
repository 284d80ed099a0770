import { readdirSync, readFileSync } from "node:fs";
import { getHeapSpaceStatistics } from "node:v8";
import { Counter, Gauge, type Registry } from "prom-client";

/**
 * The usual `process_*` metrics, read when they are asked for. Not prom-client's own set: that keeps an
 * event-loop monitor running, which alone costs an idle agent more CPU than everything else together.
 */
export function registerProcessMetrics(registry: Registry): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number | undefined) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const value = read();
        if (value !== undefined) this.set(value);
      },
    });
  new Counter({
    name: "process_cpu_seconds_total",
    help: "User and system CPU time spent, in seconds.",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  const startSeconds = Math.round(Date.now() / 1000 - process.uptime());
  gauge("process_start_time_seconds", "Start time of the process since the epoch.", () => startSeconds);
  gauge("process_resident_memory_bytes", "Resident memory size.", () => process.memoryUsage.rss());
  gauge("process_virtual_memory_bytes", "Virtual memory size.", () => kibibytes("VmSize"));
  gauge("process_open_fds", "Number of open file descriptors.", () => orUndefined(countOpenFiles));
  gauge("process_max_fds", "Maximum number of open file descriptors.", () => orUndefined(readFileLimit));
  const memory = (name: string, help: string, field: "heapUsed" | "heapTotal" | "external") =>
    gauge(name, help, () => process.memoryUsage()[field]);
  memory("nodejs_heap_size_used_bytes", "Used part of the JavaScript heap.", "heapUsed");
  memory("nodejs_heap_size_total_bytes", "Memory taken for the JavaScript heap.", "heapTotal");
  memory("nodejs_external_memory_bytes", "Memory of buffers and other objects outside the heap.", "external");
  gauge(
    "nodejs_heap_code_bytes",
    "Used part of the JavaScript heap that V8 has compiled; grows for an hour or so, where data must not.",
    usedByCode,
  );
}

function usedByCode(): number {
  return getHeapSpaceStatistics()
    .filter(({ space_name }) => CODE_SPACES.test(space_name))
    .reduce((sum, { space_used_size }) => sum + space_used_size, 0);
}

/** Machine code, and from V8 12 on bytecode and what belongs to both. */
const CODE_SPACES = /^(?:code|trusted)_(?:large_object_)?space$/;

function kibibytes(field: string): number | undefined {
  return orUndefined(() => {
    const found = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(readFileSync("/proc/self/status", "utf8"));
    return found === null ? undefined : Number(found[1]) * 1024;
  });
}

function countOpenFiles(): number {
  // One of them is the listing itself.
  return readdirSync("/proc/self/fd").length - 1;
}

function readFileLimit(): number | undefined {
  const found = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
  return found === null ? undefined : Number(found[1]);
}

// Without /proc the metric is left out; the page must not fail.
function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
