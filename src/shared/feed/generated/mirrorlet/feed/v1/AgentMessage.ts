// Original file: proto/feed.proto

import type { Hello as _mirrorlet_feed_v1_Hello, Hello__Output as _mirrorlet_feed_v1_Hello__Output } from '../../../mirrorlet/feed/v1/Hello.ts';
import type { Report as _mirrorlet_feed_v1_Report, Report__Output as _mirrorlet_feed_v1_Report__Output } from '../../../mirrorlet/feed/v1/Report.ts';
import type { Heartbeat as _mirrorlet_feed_v1_Heartbeat, Heartbeat__Output as _mirrorlet_feed_v1_Heartbeat__Output } from '../../../mirrorlet/feed/v1/Heartbeat.ts';
import type { Long } from '@grpc/proto-loader';

export interface AgentMessage {
  'seq'?: (number | string | Long);
  'hello'?: (_mirrorlet_feed_v1_Hello | null);
  'report'?: (_mirrorlet_feed_v1_Report | null);
  'heartbeat'?: (_mirrorlet_feed_v1_Heartbeat | null);
  'message'?: "hello"|"report"|"heartbeat";
}

export interface AgentMessage__Output {
  'seq': (number);
  'hello'?: (_mirrorlet_feed_v1_Hello__Output | null);
  'report'?: (_mirrorlet_feed_v1_Report__Output | null);
  'heartbeat'?: (_mirrorlet_feed_v1_Heartbeat__Output | null);
  'message'?: "hello"|"report"|"heartbeat";
}
