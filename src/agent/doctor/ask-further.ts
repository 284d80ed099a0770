import type { Finding, NotChecked } from "../../core/doctor/finding.ts";
import type { NodeView } from "../../core/doctor/node-view.ts";
import { judgeEvidence } from "../../core/doctor/pulls/evidence/judge-evidence.ts";
import type { ImageStore } from "../evidence/image-store.ts";
import type { StatusDocument } from "../status-document.ts";
import { type ProbeHostsDeps, probeHosts } from "./probe-hosts.ts";

export interface AskFurtherDeps extends ProbeHostsDeps {
  /** Of the containerd that this is about. */
  readonly images: Pick<ImageStore, "records">;
  /** What the running agent says of itself; undefined: there is none, or none that is understood. */
  readonly agentStatus: () => Promise<StatusDocument | undefined>;
}

export interface Further {
  readonly findings: readonly Finding[];
  readonly notChecked: readonly NotChecked[];
}

const IMAGES_MS = 10_000;

/** Asks whom files and processes do not show: the agent what its pulls have shown, and the hosts of mirrors. */
export async function askFurther(view: NodeView, deps: AskFurtherDeps): Promise<Further> {
  const [status, records = []] = await Promise.all([
    deps.agentStatus(),
    deps.images.records("all", AbortSignal.timeout(IMAGES_MS)),
  ]);
  const pulled = (status?.recentPulls ?? []).flatMap(({ reference, path }) =>
    reference === undefined || path === "failed" ? [] : [reference],
  );
  const images = [...pulled, ...records.map(({ name }) => name)];
  const probed = await probeHosts(view, images, deps);
  if (status === undefined)
    return { findings: probed.findings, notChecked: [...probed.notChecked, NO_AGENT] };
  const evidence = judgeEvidence(status.evidence, status.recentPulls, view);
  return { findings: [...probed.findings, ...evidence], notChecked: probed.notChecked };
}

const NO_AGENT: NotChecked = {
  what: "where pulls have gone",
  why: "no agent of mirrorlet answers on this node, so that nobody has watched them",
};
