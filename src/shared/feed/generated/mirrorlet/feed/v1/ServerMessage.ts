// Original file: proto/feed.proto

import type { Welcome as _mirrorlet_feed_v1_Welcome, Welcome__Output as _mirrorlet_feed_v1_Welcome__Output } from '../../../mirrorlet/feed/v1/Welcome.ts';
import type { Assignment as _mirrorlet_feed_v1_Assignment, Assignment__Output as _mirrorlet_feed_v1_Assignment__Output } from '../../../mirrorlet/feed/v1/Assignment.ts';
import type { ReportAck as _mirrorlet_feed_v1_ReportAck, ReportAck__Output as _mirrorlet_feed_v1_ReportAck__Output } from '../../../mirrorlet/feed/v1/ReportAck.ts';
import type { Heartbeat as _mirrorlet_feed_v1_Heartbeat, Heartbeat__Output as _mirrorlet_feed_v1_Heartbeat__Output } from '../../../mirrorlet/feed/v1/Heartbeat.ts';
import type { GoAway as _mirrorlet_feed_v1_GoAway, GoAway__Output as _mirrorlet_feed_v1_GoAway__Output } from '../../../mirrorlet/feed/v1/GoAway.ts';
import type { NeedState as _mirrorlet_feed_v1_NeedState, NeedState__Output as _mirrorlet_feed_v1_NeedState__Output } from '../../../mirrorlet/feed/v1/NeedState.ts';

export interface ServerMessage {
  'welcome'?: (_mirrorlet_feed_v1_Welcome | null);
  'assignment'?: (_mirrorlet_feed_v1_Assignment | null);
  'reportAck'?: (_mirrorlet_feed_v1_ReportAck | null);
  'heartbeat'?: (_mirrorlet_feed_v1_Heartbeat | null);
  'goAway'?: (_mirrorlet_feed_v1_GoAway | null);
  'needState'?: (_mirrorlet_feed_v1_NeedState | null);
  'message'?: "welcome"|"assignment"|"reportAck"|"heartbeat"|"goAway"|"needState";
}

export interface ServerMessage__Output {
  'welcome'?: (_mirrorlet_feed_v1_Welcome__Output | null);
  'assignment'?: (_mirrorlet_feed_v1_Assignment__Output | null);
  'reportAck'?: (_mirrorlet_feed_v1_ReportAck__Output | null);
  'heartbeat'?: (_mirrorlet_feed_v1_Heartbeat__Output | null);
  'goAway'?: (_mirrorlet_feed_v1_GoAway__Output | null);
  'needState'?: (_mirrorlet_feed_v1_NeedState__Output | null);
  'message'?: "welcome"|"assignment"|"reportAck"|"heartbeat"|"goAway"|"needState";
}
