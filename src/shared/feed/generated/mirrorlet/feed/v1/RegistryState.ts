// Original file: proto/feed.proto

import type { Long } from '@grpc/proto-loader';

export interface RegistryState {
  'namespace'?: (string);
  'verdict'?: (string);
  'evidence'?: (string);
  'lastPullMs'?: (number | string | Long);
}

export interface RegistryState__Output {
  'namespace': (string);
  'verdict': (string);
  'evidence': (string);
  'lastPullMs': (number);
}
