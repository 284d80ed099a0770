import { join } from "node:path";
import { type Bridge, openBridge } from "../../../test/support/net-bridge.ts";
import {
  type Rule,
  type ScriptedRegistry,
  startScriptedRegistry,
} from "../../../test/support/scripted-registry.ts";
import type { LabCa } from "../../../test/support/tls.ts";
import type { Mood, Timeline } from "./timeline.ts";

/** A mirror on the node's loopback. It has all images, and moods. */
export interface Mirror {
  readonly name: string;
  /** `https://127.0.0.1:5000/v2/all`. */
  readonly endpoint: string;
  readonly registry: ScriptedRegistry;
  /** What it does from now on. Whoever waits for an answer gets none. */
  setMood(mood: Mood): Promise<void>;
  stop(): Promise<void>;
}

export interface MirrorOptions {
  readonly name: string;
  /** Pid of the node's first process. */
  readonly leader: number;
  /** For sockets. */
  readonly directory: string;
  /** Plain HTTP without. */
  readonly tls?: { readonly ca: LabCa; readonly wrongCa: LabCa };
  readonly timeline: Timeline;
}

export async function startMirror({
  name,
  leader,
  directory,
  tls,
  timeline,
}: MirrorOptions): Promise<Mirror> {
  const right = await tls?.ca.issueServer();
  const wrong = await tls?.wrongCa.issueServer();
  const registry = await startScriptedRegistry(right === undefined ? {} : { tls: right });
  const port = Number(registry.host.split(":")[1]);
  const socket = join(directory, `mirror-${name}`);
  const outside = await openBridge(undefined, "connect", port, socket);
  const listen = () => openBridge(leader, "listen", port, socket);
  // Only without a listener of its own on the node is a connection refused, as with a host that is down.
  let inside: Bridge | undefined = await listen();
  let end: (() => void) | undefined;
  return {
    name,
    endpoint: `${registry.url}/v2/all`,
    registry,
    async setMood(mood) {
      end?.();
      end = mood === "ok" ? undefined : timeline.begin({ kind: "mood", mirror: name, mood });
      registry.script(...rulesOf(mood));
      registry.clearRequests();
      if (wrong !== undefined && right !== undefined)
        registry.setTls(mood === "wrong-certificate" ? wrong : right);
      if (mood === "down") {
        inside?.close();
        inside = undefined;
      } else inside ??= await listen();
      await registry.stop();
      await registry.start();
    },
    async stop() {
      end?.();
      inside?.close();
      outside.close();
      await registry.stop();
    },
  };
}

function rulesOf(mood: Mood): readonly Rule[] {
  switch (mood) {
    case "slow":
      return [{ does: { kind: "delay", ms: 400 } }];
    case "500":
    case "401":
    case "404":
    case "429":
      return [{ does: { kind: "status", status: Number(mood) } }];
    case "reset":
    case "hang":
      return [{ does: { kind: mood } }];
    default:
      return [];
  }
}
