// Original file: proto/feed.proto

import type { Rejection as _mirrorlet_feed_v1_Rejection, Rejection__Output as _mirrorlet_feed_v1_Rejection__Output } from '../../../mirrorlet/feed/v1/Rejection.ts';
import type { Source as _mirrorlet_feed_v1_Source, Source__Output as _mirrorlet_feed_v1_Source__Output } from '../../../mirrorlet/feed/v1/Source.ts';
import type { RegistryState as _mirrorlet_feed_v1_RegistryState, RegistryState__Output as _mirrorlet_feed_v1_RegistryState__Output } from '../../../mirrorlet/feed/v1/RegistryState.ts';
import type { Condition as _mirrorlet_feed_v1_Condition, Condition__Output as _mirrorlet_feed_v1_Condition__Output } from '../../../mirrorlet/feed/v1/Condition.ts';
import type { Long } from '@grpc/proto-loader';

export interface State {
  'runningDigest'?: (Buffer | Uint8Array | string);
  'runningSerial'?: (number | string | Long);
  'runningSinceMs'?: (number | string | Long);
  'effectiveDigest'?: (Buffer | Uint8Array | string);
  'lastGoodDigest'?: (Buffer | Uint8Array | string);
  'floorSerial'?: (number | string | Long);
  'rejections'?: (_mirrorlet_feed_v1_Rejection)[];
  'source'?: (_mirrorlet_feed_v1_Source);
  'registries'?: (_mirrorlet_feed_v1_RegistryState)[];
  'conditions'?: (_mirrorlet_feed_v1_Condition)[];
  'containerdVersion'?: (string);
}

export interface State__Output {
  'runningDigest': (Buffer);
  'runningSerial': (number);
  'runningSinceMs': (number);
  'effectiveDigest': (Buffer);
  'lastGoodDigest': (Buffer);
  'floorSerial': (number);
  'rejections': (_mirrorlet_feed_v1_Rejection__Output)[];
  'source': (_mirrorlet_feed_v1_Source__Output);
  'registries': (_mirrorlet_feed_v1_RegistryState__Output)[];
  'conditions': (_mirrorlet_feed_v1_Condition__Output)[];
  'containerdVersion': (string);
}
