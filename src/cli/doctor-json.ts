import type { ContainerdVersion } from "../core/containerd/version.ts";
import type { Diagnosis, Finding, FindingPlace } from "../core/doctor/finding.ts";
import { FINDINGS } from "../core/doctor/finding-catalogue.ts";

/** The document of `doctor --json`. */
export function diagnosisToJson({ findings, notChecked }: Diagnosis, version: ContainerdVersion): object {
  return { containerdVersion: version.text, findings: findings.map(findingToJson), notChecked };
}

function findingToJson({ code, severity, where, fact, consequence, fix }: Finding): object {
  return { code, severity, title: FINDINGS[code], where: placeToJson(where), fact, consequence, fix };
}

function placeToJson(place: FindingPlace): object {
  if (place.kind === "file") return place.at;
  const { kind, ...rest } = place;
  return rest;
}
