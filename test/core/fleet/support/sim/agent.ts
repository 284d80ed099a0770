import type { Assignment } from "../../../../../src/core/fleet/assignment.ts";
import type { Bundle } from "../../../../../src/core/fleet/bundle.ts";
import type { NodeSource, Refused, Unwell } from "../../../../../src/core/fleet/node-status.ts";
import { isFinal, isRefusal, type Phase } from "../../../../../src/core/fleet/phase.ts";
import type { NodeReport, NodeView } from "../../../../../src/core/fleet/update-status.ts";

/** How a node takes the new state. */
export type Nature =
  | "good"
  | "preflight-fails"
  | "rejects"
  | "apply-fails"
  | "soak-fails"
  | "silent"
  | "dies"
  /** Says that it runs what it is told to, and does not. */
  | "keeps-own"
  | "turns-bad";

interface Task {
  readonly assignment: Assignment;
  readonly startMs: number;
  applied?: { readonly untilMs: number; readonly before: Bundle | undefined };
}

/** One machine with its agent: what it keeps over restarts is durable, the rest is gone. */
export class Agent {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly nature: Nature;
  readonly newDigest: string;
  source: NodeSource = "feed";
  instance: string;
  isUp = true;
  isDead = false;
  running: Bundle | undefined;
  /** Times at which something was put in force, by assignment. */
  readonly applied: { readonly id: string; readonly digest: string; readonly atMs: number }[] = [];
  readonly #answers = new Map<string, NodeReport>();
  #refused: Refused[] = [];
  #unwell: Unwell | undefined;
  #task: Task | undefined;
  #outbox: NodeReport[] = [];
  readonly #random: () => number;

  constructor(
    id: string,
    labels: Readonly<Record<string, string>>,
    nature: Nature,
    newDigest: string,
    running: Bundle | undefined,
    random: () => number,
  ) {
    this.id = id;
    this.labels = labels;
    this.nature = nature;
    this.newDigest = newDigest;
    this.running = running;
    this.#random = random;
    this.instance = this.#fresh();
  }

  get view(): NodeView {
    return {
      ...(this.running && { running: this.running }),
      source: this.source,
      refused: this.#refused,
      ...(this.#unwell && { unwell: this.#unwell }),
      isDrifted: false,
    };
  }

  /** An operator on the node says: this stays. */
  pin(): void {
    this.source = "pinned";
    if (this.#task?.applied === undefined) this.#task = undefined;
    this.#outbox.push({ assignmentId: "", phase: "held", view: this.view, unproven: [] });
  }

  reboot(): void {
    this.#task = undefined;
    this.instance = this.#fresh();
  }

  /** `mirrorlet restore`: nothing of it is left. */
  restore(): void {
    this.running = undefined;
    this.#task = undefined;
    this.#answers.clear();
    this.#outbox.push({ assignmentId: "", phase: "drifted", view: this.view, unproven: [] });
  }

  receive(assignment: Assignment, nowMs: number): void {
    if (assignment.mode === "hold") {
      if (this.#task?.applied === undefined) this.#task = undefined;
      return;
    }
    const known = this.#answers.get(assignment.id);
    const isThere = assignment.bundle.digest === this.running?.digest;
    if (known !== undefined && (assignment.mode === "preflight" || isRefusal(known.phase) || isThere)) {
      this.#outbox.push({ ...known, view: this.view });
      return;
    }
    if (this.#task?.assignment.id === assignment.id) return;
    this.#task = { assignment, startMs: nowMs + Math.floor(this.#random() * assignment.spreadMs) };
    this.#say("received");
  }

  /** What is unacknowledged, each with the node as it is now. */
  takeReports(): readonly NodeReport[] {
    const reports = this.#outbox.map((report) => ({ ...report, view: this.view }));
    this.#outbox = [];
    return reports;
  }

  /** Reports that did not arrive; only final ones are kept. */
  putBack(reports: readonly NodeReport[]): void {
    const isKept = ({ phase, assignmentId }: NodeReport): boolean => isFinal(phase) || assignmentId === "";
    this.#outbox = [...reports.filter(isKept), ...this.#outbox];
  }

  /** Goes on with what it has to do. */
  act(nowMs: number): void {
    const task = this.#task;
    if (task === undefined || this.isDead || nowMs < task.startMs) return;
    if (task.assignment.mode === "preflight")
      this.#end(this.#isBad("preflight-fails") ? "preflight-failed" : "preflight-ok");
    else if (task.applied === undefined) this.#apply(task, nowMs);
    // Also where a busy machine has let the whole soak go by.
    else if (this.#isBad("soak-fails")) {
      this.running = task.applied.before;
      this.#end("reverted");
    } else if (nowMs >= task.applied.untilMs) this.#end("soaked");
  }

  turnBad(): void {
    if (this.nature === "turns-bad" && this.running?.digest === this.newDigest)
      this.#unwell = { verdict: "failing", namespace: "gcr.io" };
  }

  #apply(task: Task, nowMs: number): void {
    if (this.#isBad("rejects") || this.#isBad("apply-fails")) {
      this.#end(this.nature === "rejects" ? "rejected" : "failed");
      return;
    }
    const { bundle, id, soakMs } = task.assignment;
    task.applied = { untilMs: nowMs + soakMs, before: this.running };
    if (this.running?.digest !== bundle.digest) this.applied.push({ id, digest: bundle.digest, atMs: nowMs });
    if (this.#isBad("dies")) this.isDead = true;
    if (this.nature !== "keeps-own") this.running = { digest: bundle.digest, serial: bundle.serial };
    if (bundle.digest !== this.newDigest) this.#unwell = undefined;
    this.#say("applied");
  }

  #isBad(nature: Nature): boolean {
    const assignment = this.#task?.assignment;
    return this.nature === nature && assignment?.bundle.digest === this.newDigest;
  }

  #end(phase: Phase): void {
    const id = this.#task?.assignment.id;
    if (id === undefined) return;
    if (isRefusal(phase) && phase !== "preflight-failed") {
      const digest = this.#task?.assignment.bundle.digest ?? "";
      this.#refused = [...this.#refused, { digest, assignmentId: id }].slice(-4);
    }
    const report = this.#say(phase);
    this.#answers.set(id, report);
    this.#task = undefined;
  }

  #say(phase: Phase): NodeReport {
    const id = this.#task?.assignment.id ?? "";
    const error = isRefusal(phase)
      ? { error: { code: this.nature, message: `because it ${this.nature}` } }
      : {};
    const report = { assignmentId: id, phase, view: this.view, unproven: [], ...error };
    if (!this.#isBad("silent") || this.#task?.assignment.mode === "preflight") this.#outbox.push(report);
    return report;
  }

  #fresh(): string {
    return Math.floor(this.#random() * 2 ** 48).toString(16);
  }
}
