// Original file: proto/feed.proto

import type { Welcome as _mirrorlet_feed_v1_Welcome, Welcome__Output as _mirrorlet_feed_v1_Welcome__Output } from '../../../mirrorlet/feed/v1/Welcome.ts';
import type { Assignment as _mirrorlet_feed_v1_Assignment, Assignment__Output as _mirrorlet_feed_v1_Assignment__Output } from '../../../mirrorlet/feed/v1/Assignment.ts';

export interface FetchResponse {
  'welcome'?: (_mirrorlet_feed_v1_Welcome | null);
  'assignment'?: (_mirrorlet_feed_v1_Assignment | null);
}

export interface FetchResponse__Output {
  'welcome': (_mirrorlet_feed_v1_Welcome__Output | null);
  'assignment': (_mirrorlet_feed_v1_Assignment__Output | null);
}
