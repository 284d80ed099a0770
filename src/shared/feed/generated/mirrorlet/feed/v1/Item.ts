// Original file: proto/feed.proto

import type { Phase as _mirrorlet_feed_v1_Phase, Phase__Output as _mirrorlet_feed_v1_Phase__Output } from '../../../mirrorlet/feed/v1/Phase.ts';
import type { Error as _mirrorlet_feed_v1_Error, Error__Output as _mirrorlet_feed_v1_Error__Output } from '../../../mirrorlet/feed/v1/Error.ts';

export interface Item {
  'namespace'?: (string);
  'phase'?: (_mirrorlet_feed_v1_Phase);
  'error'?: (_mirrorlet_feed_v1_Error | null);
  'latencyMs'?: (number);
  'evidence'?: (string);
}

export interface Item__Output {
  'namespace': (string);
  'phase': (_mirrorlet_feed_v1_Phase__Output);
  'error': (_mirrorlet_feed_v1_Error__Output | null);
  'latencyMs': (number);
  'evidence': (string);
}
