// Original file: proto/feed.proto

import type { Mode as _mirrorlet_feed_v1_Mode, Mode__Output as _mirrorlet_feed_v1_Mode__Output } from '../../../mirrorlet/feed/v1/Mode.ts';

export interface Assignment {
  'assignmentId'?: (string);
  'rolloutId'?: (string);
  'wave'?: (number);
  'mode'?: (_mirrorlet_feed_v1_Mode);
  'digest'?: (Buffer | Uint8Array | string);
  'envelope'?: (Buffer | Uint8Array | string);
  'spreadMs'?: (number);
  'soakMs'?: (number);
  'reportByMs'?: (number);
  'needsObserved'?: (boolean);
}

export interface Assignment__Output {
  'assignmentId': (string);
  'rolloutId': (string);
  'wave': (number);
  'mode': (_mirrorlet_feed_v1_Mode__Output);
  'digest': (Buffer);
  'envelope': (Buffer);
  'spreadMs': (number);
  'soakMs': (number);
  'reportByMs': (number);
  'needsObserved': (boolean);
}
