// Original file: proto/feed.proto

import type { State as _mirrorlet_feed_v1_State, State__Output as _mirrorlet_feed_v1_State__Output } from '../../../mirrorlet/feed/v1/State.ts';

export interface Hello {
  'protocol'?: (number);
  'nodeId'?: (string);
  'instance'?: (Buffer | Uint8Array | string);
  'bootId'?: (string);
  'agentVersion'?: (string);
  'containerdVersion'?: (string);
  'payloadSchemas'?: (number)[];
  'features'?: (string)[];
  'state'?: (_mirrorlet_feed_v1_State | null);
  'cached'?: (Buffer | Uint8Array | string)[];
  'labels'?: ({[key: string]: string});
}

export interface Hello__Output {
  'protocol': (number);
  'nodeId': (string);
  'instance': (Buffer);
  'bootId': (string);
  'agentVersion': (string);
  'containerdVersion': (string);
  'payloadSchemas': (number)[];
  'features': (string)[];
  'state': (_mirrorlet_feed_v1_State__Output | null);
  'cached': (Buffer)[];
  'labels': ({[key: string]: string});
}
