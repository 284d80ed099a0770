// Original file: proto/feed.proto

import type { Long } from '@grpc/proto-loader';

export interface Heartbeat {
  'timeMs'?: (number | string | Long);
  'engineAgeMs'?: (number);
}

export interface Heartbeat__Output {
  'timeMs': (number);
  'engineAgeMs': (number);
}
