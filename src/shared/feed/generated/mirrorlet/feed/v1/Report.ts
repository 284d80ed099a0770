// Original file: proto/feed.proto

import type { Phase as _mirrorlet_feed_v1_Phase, Phase__Output as _mirrorlet_feed_v1_Phase__Output } from '../../../mirrorlet/feed/v1/Phase.ts';
import type { State as _mirrorlet_feed_v1_State, State__Output as _mirrorlet_feed_v1_State__Output } from '../../../mirrorlet/feed/v1/State.ts';
import type { Error as _mirrorlet_feed_v1_Error, Error__Output as _mirrorlet_feed_v1_Error__Output } from '../../../mirrorlet/feed/v1/Error.ts';
import type { Item as _mirrorlet_feed_v1_Item, Item__Output as _mirrorlet_feed_v1_Item__Output } from '../../../mirrorlet/feed/v1/Item.ts';
import type { Long } from '@grpc/proto-loader';

export interface Report {
  'assignmentId'?: (string);
  'offeredDigest'?: (Buffer | Uint8Array | string);
  'phase'?: (_mirrorlet_feed_v1_Phase);
  'state'?: (_mirrorlet_feed_v1_State | null);
  'error'?: (_mirrorlet_feed_v1_Error | null);
  'items'?: (_mirrorlet_feed_v1_Item)[];
  'atMs'?: (number | string | Long);
}

export interface Report__Output {
  'assignmentId': (string);
  'offeredDigest': (Buffer);
  'phase': (_mirrorlet_feed_v1_Phase__Output);
  'state': (_mirrorlet_feed_v1_State__Output | null);
  'error': (_mirrorlet_feed_v1_Error__Output | null);
  'items': (_mirrorlet_feed_v1_Item__Output)[];
  'atMs': (number);
}
