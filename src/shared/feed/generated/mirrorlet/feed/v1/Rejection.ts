// Original file: proto/feed.proto

import type { Error as _mirrorlet_feed_v1_Error, Error__Output as _mirrorlet_feed_v1_Error__Output } from '../../../mirrorlet/feed/v1/Error.ts';
import type { Long } from '@grpc/proto-loader';

export interface Rejection {
  'digest'?: (Buffer | Uint8Array | string);
  'serial'?: (number | string | Long);
  'error'?: (_mirrorlet_feed_v1_Error | null);
  'atMs'?: (number | string | Long);
  'assignmentId'?: (string);
}

export interface Rejection__Output {
  'digest': (Buffer);
  'serial': (number);
  'error': (_mirrorlet_feed_v1_Error__Output | null);
  'atMs': (number);
  'assignmentId': (string);
}
