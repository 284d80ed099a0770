import type { Answer, Ask, Assembly } from "../../core/bundle/assembly.ts";
import { BundleError } from "../../core/bundle/bundle-error.ts";
import { BUNDLE_LIMITS } from "../../core/bundle/bundle-limits.ts";
import type { EntryBudget } from "../../core/bundle/collect-scan.ts";
import { recogniseNature } from "../../core/bundle/recognise-nature.ts";
import type { Location, Member, Nature } from "../../core/bundle/scan.ts";
import { BLOCK } from "../../core/bundle/tar/parse-header.ts";
import { digestContent } from "./digest-content.ts";
import type { KeptMembers, TakeContent } from "./kept-members.ts";
import { type FileReader, streamFile } from "./read-files.ts";
import { scanCompressed } from "./scan-compressed.ts";
import { scanFile } from "./scan-file.ts";

/** Where answers come from: files, and what is still known of streams. */
export interface AnswerSources {
  readonly files: FileReader;
  readonly kept: KeptMembers;
  readonly budget: EntryBudget;
  readonly hashAll: boolean;
  readonly take?: TakeContent | undefined;
  /** So many more bytes have been read of what is at rest and has to be read through. */
  readonly onReadThrough: (bytes: number) => void;
}

/** Carries out an assembly. Throws BundleError, as the assembly does. */
export async function runAssembly<T>(assembly: Assembly<T>, sources: AnswerSources): Promise<T> {
  for (let step = assembly.next({}); ; ) {
    if (step.done === true) return step.value;
    step = assembly.next(await answer(step.value, sources));
  }
}

async function answer({ ask, member }: Ask, sources: AnswerSources): Promise<Answer> {
  const { at } = member;
  if (at === undefined) return answerFromStream(ask, member, sources);
  const { files, kept } = sources;
  switch (ask) {
    case "document": {
      if (member.size > BUNDLE_LIMITS.listBytes) return {};
      return { document: await files.read(at, at.offset, member.size) };
    }
    case "nature":
      return { nature: await natureOf(files, member, at) };
    case "digests": {
      const known = kept.get(member)?.digests;
      return { digests: known ?? (await digestContent(member.place, readThrough(member, at, sources))) };
    }
    case "archive":
      return lookInside(member, at, sources);
    default:
      return ask satisfies never;
  }
}

function answerFromStream(ask: Ask["ask"], member: Member, { kept }: AnswerSources): Answer {
  const known = kept.get(member);
  if (known === undefined) return { nature: "other" };
  const { nature, document, digests, inside } = known;
  if (ask === "nature") return { nature };
  if (ask === "document") return document === undefined ? {} : { document };
  if (ask === "digests") return digests === undefined ? {} : { digests };
  return inside ?? {};
}

async function natureOf(files: FileReader, { size }: Member, at: Location): Promise<Nature> {
  return recogniseNature(await files.read(at, at.offset, Math.min(BLOCK, size)));
}

async function lookInside(member: Member, at: Location, sources: AnswerSources): Promise<Answer> {
  const { files, budget } = sources;
  const { size, place } = member;
  try {
    const nature = await natureOf(files, member, at);
    if (nature === "tar") return { archive: await scanFile(files, at, size, place, budget) };
    if (nature === "other") return {};
    const content = readThrough(member, at, sources);
    const archive = await scanCompressed(nature, content, place, { ...sources, depth: 1 });
    return archive === undefined ? {} : { archive };
  } catch (error) {
    if (error instanceof BundleError && error.code !== "unreadable") return { error: error.message };
    throw error;
  }
}

async function* readThrough(
  { size }: Member,
  at: Location,
  { onReadThrough }: AnswerSources,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of streamFile(at, 0, size) as AsyncIterable<Uint8Array>) {
    onReadThrough(chunk.length);
    yield chunk;
  }
}
