// Original file: proto/feed.proto

import type { Hello as _mirrorlet_feed_v1_Hello, Hello__Output as _mirrorlet_feed_v1_Hello__Output } from '../../../mirrorlet/feed/v1/Hello.ts';

export interface FetchRequest {
  'hello'?: (_mirrorlet_feed_v1_Hello | null);
}

export interface FetchRequest__Output {
  'hello': (_mirrorlet_feed_v1_Hello__Output | null);
}
