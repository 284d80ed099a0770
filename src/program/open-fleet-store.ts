import type { Begun, FleetStorePort, Refused } from "../cli/fleet-store-port.ts";
import { FleetUnavailable, sayDoubt } from "../cli/fleet-store-port.ts";
import { type Channel, listStable } from "../core/fleet/channel.ts";
import type { CommandResult } from "../core/fleet/command-rollout.ts";
import { startRollout } from "../core/fleet/start-rollout.ts";
import { EngineError } from "../fleet/engine/engine-error.ts";
import { listBundles, putBundle, replaceBundle } from "../fleet/store/bundles.ts";
import type { WriteResult } from "../fleet/store/commit.ts";
import type { FleetRecords } from "../fleet/store/fleet-records.ts";
import type { FleetStore } from "../fleet/store/fleet-store.ts";
import { listChannels } from "../fleet/store/list-channels.ts";
import { readFleet } from "../fleet/store/read-fleet.ts";
import { keyOf } from "../fleet/store/record-name.ts";
import { readStateEnds } from "../fleet/store/state-ends.ts";
import { removeChannel, writeChannel } from "../fleet/store/write-channel.ts";
import { clearOverride, forgetNode, setOverride, writeInventory } from "../fleet/store/write-nodes.ts";
import { beginRollout, commandState, listPastRollouts } from "../fleet/store/write-rollout.ts";
import { pictureFleet } from "./picture-fleet.ts";
import { type WatchClocks, watchPictures } from "./watch-pictures.ts";

/** The fleet's commands, on its engine. */
export function openFleetStore(store: FleetStore, clocks: WatchClocks): FleetStorePort {
  const { fleet } = store;
  const ends = readStateEnds(store, clocks.uptimeMs);
  const look = (records: FleetRecords) =>
    pictureFleet(records, { fleet, atMs: clocks.nowMs(), endOf: ends.of });
  const port: FleetStorePort = {
    fleet,
    async look() {
      const records = await readFleet(store);
      const stable = [...records.channel.values()].flatMap(({ value }) => listStable(value));
      await ends.load(stable.map(({ digest }) => digest));
      return look(records);
    },
    async watch(signal, onPicture) {
      // Who cannot be reached at all is told at once.
      await readFleet(store);
      await watchPictures(store, signal, onPicture, clocks, ends.of);
    },
    listBundles: () => listBundles(store),
    listPastRollouts: () => listPastRollouts(store),
    async putBundle(digest, bytes, instead) {
      if (instead === undefined) return putBundle(store, digest, bytes);
      return (await replaceBundle(store, digest, instead, bytes)) ? "stored" : "other";
    },
    writeChannel: (name, change) =>
      again(store, async (records): Promise<Attempt<Channel | string>> => {
        const listed = listChannels(records).find((one) => one.name === name);
        const value = change(listed?.isBroken ? listed : listed?.channel);
        if (typeof value === "string") return { answer: value };
        const before =
          records.channel.get(name) ?? records.broken.get(keyOf(fleet, { kind: "channel", id: name }));
        return { answer: value, written: await writeChannel(store, name, before, value) };
      }),
    removeChannel: (name) =>
      again(store, async (records): Promise<Attempt<string | undefined>> => {
        const found = listChannels(records).find((one) => one.name === name);
        if (found === undefined) return { answer: `there is no channel ${name}` };
        const { channel, rollouts } = found;
        if (rollouts.length > 0 || listStable(channel).length > 0)
          return {
            answer: `${name} has had rollouts, and is kept: give its nodes to another channel (mirrorlet fleet channel set)`,
          };
        return { answer: undefined, written: await removeChannel(store, records, name) };
      }),
    beginRollout: (plan) =>
      again(store, async (records): Promise<Attempt<Begun | Refused>> => {
        const picture = look(records);
        const spec = plan(picture);
        if ("refusals" in spec) return { answer: spec };
        const named = picture.channels.find(({ name }) => name === spec.channel);
        if (named === undefined) return { answer: { refusals: [`there is no channel ${spec.channel}`] } };
        if (named.doubt !== undefined) return { answer: { refusals: [sayDoubt(named.doubt, spec.channel)] } };
        // Also one of another channel, or of one that cannot be read: names are the whole fleet's.
        if (records.spec.has(spec.id) || (await listPastRollouts(store)).has(spec.id))
          return { answer: { refusals: [`there has been a rollout ${spec.id} already: ids are used once`] } };
        const started = startRollout(spec, named.channel, named.rollouts, clocks.nowMs());
        if (!started.ok) return { answer: { refusals: started.messages } };
        const written = await beginRollout(store, records, spec, started);
        return { answer: { spec, state: started.state }, written };
      }),
    changeRollout: (id, change) =>
      again(store, async (records): Promise<Attempt<CommandResult | "missing">> => {
        const [spec, before] = [records.spec.get(id), records.state.get(id)];
        if (spec === undefined || before === undefined) return { answer: "missing" };
        const result = change({ spec: spec.value, state: before.value });
        if (!result.ok) return { answer: result };
        return { answer: result, written: await commandState(store, id, before, result.state) };
      }),
    setOverride: async (node, override) => void (await setOverride(store, node, override)),
    clearOverride: async (node) => void (await clearOverride(store, node)),
    writeInventory: (entries) => writeInventory(store, entries),
    forgetNode: async (node) => (await forgetNode(store, await readFleet(store), node)).ok,
  };
  return translated(port);
}

interface Attempt<T> {
  readonly answer: T;
  /** Absent: there was nothing to write. */
  readonly written?: WriteResult;
}

const MOST_ATTEMPTS = 10;

/** What is written is made from what was read: where that has changed meanwhile, both are done anew. */
async function again<T>(
  store: FleetStore,
  attempt: (records: FleetRecords) => Promise<Attempt<T>>,
): Promise<T> {
  for (let count = 0; count < MOST_ATTEMPTS; count++) {
    const { answer, written } = await attempt(await readFleet(store));
    if (written === undefined || written.ok) return answer;
  }
  throw new FleetUnavailable("others change the same record all the time; try again", false);
}

/** An engine's error, as commands tell it. */
function translated(port: FleetStorePort): FleetStorePort {
  const wrap =
    <A extends readonly unknown[], T>(call: (...args: A) => Promise<T>) =>
    (...args: A): Promise<T> =>
      call(...args).catch((error: unknown) => {
        if (!(error instanceof EngineError)) throw error;
        throw new FleetUnavailable(`${error.message} (${error.code})`, error.applied === "unknown", error);
      });
  return {
    fleet: port.fleet,
    look: wrap(port.look),
    watch: wrap(port.watch),
    listBundles: wrap(port.listBundles),
    listPastRollouts: wrap(port.listPastRollouts),
    putBundle: wrap(port.putBundle),
    writeChannel: wrap(port.writeChannel),
    removeChannel: wrap(port.removeChannel),
    beginRollout: wrap(port.beginRollout),
    changeRollout: wrap(port.changeRollout),
    setOverride: wrap(port.setOverride),
    clearOverride: wrap(port.clearOverride),
    writeInventory: wrap(port.writeInventory),
    forgetNode: wrap(port.forgetNode),
  };
}
