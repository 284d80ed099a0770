import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { AgentMessage as _mirrorlet_feed_v1_AgentMessage, AgentMessage__Output as _mirrorlet_feed_v1_AgentMessage__Output } from './mirrorlet/feed/v1/AgentMessage.ts';
import type { Assignment as _mirrorlet_feed_v1_Assignment, Assignment__Output as _mirrorlet_feed_v1_Assignment__Output } from './mirrorlet/feed/v1/Assignment.ts';
import type { Condition as _mirrorlet_feed_v1_Condition, Condition__Output as _mirrorlet_feed_v1_Condition__Output } from './mirrorlet/feed/v1/Condition.ts';
import type { Error as _mirrorlet_feed_v1_Error, Error__Output as _mirrorlet_feed_v1_Error__Output } from './mirrorlet/feed/v1/Error.ts';
import type { FeedClient as _mirrorlet_feed_v1_FeedClient, FeedDefinition as _mirrorlet_feed_v1_FeedDefinition } from './mirrorlet/feed/v1/Feed.ts';
import type { FetchRequest as _mirrorlet_feed_v1_FetchRequest, FetchRequest__Output as _mirrorlet_feed_v1_FetchRequest__Output } from './mirrorlet/feed/v1/FetchRequest.ts';
import type { FetchResponse as _mirrorlet_feed_v1_FetchResponse, FetchResponse__Output as _mirrorlet_feed_v1_FetchResponse__Output } from './mirrorlet/feed/v1/FetchResponse.ts';
import type { GoAway as _mirrorlet_feed_v1_GoAway, GoAway__Output as _mirrorlet_feed_v1_GoAway__Output } from './mirrorlet/feed/v1/GoAway.ts';
import type { Heartbeat as _mirrorlet_feed_v1_Heartbeat, Heartbeat__Output as _mirrorlet_feed_v1_Heartbeat__Output } from './mirrorlet/feed/v1/Heartbeat.ts';
import type { Hello as _mirrorlet_feed_v1_Hello, Hello__Output as _mirrorlet_feed_v1_Hello__Output } from './mirrorlet/feed/v1/Hello.ts';
import type { Item as _mirrorlet_feed_v1_Item, Item__Output as _mirrorlet_feed_v1_Item__Output } from './mirrorlet/feed/v1/Item.ts';
import type { NeedState as _mirrorlet_feed_v1_NeedState, NeedState__Output as _mirrorlet_feed_v1_NeedState__Output } from './mirrorlet/feed/v1/NeedState.ts';
import type { RegistryState as _mirrorlet_feed_v1_RegistryState, RegistryState__Output as _mirrorlet_feed_v1_RegistryState__Output } from './mirrorlet/feed/v1/RegistryState.ts';
import type { Rejection as _mirrorlet_feed_v1_Rejection, Rejection__Output as _mirrorlet_feed_v1_Rejection__Output } from './mirrorlet/feed/v1/Rejection.ts';
import type { Report as _mirrorlet_feed_v1_Report, Report__Output as _mirrorlet_feed_v1_Report__Output } from './mirrorlet/feed/v1/Report.ts';
import type { ReportAck as _mirrorlet_feed_v1_ReportAck, ReportAck__Output as _mirrorlet_feed_v1_ReportAck__Output } from './mirrorlet/feed/v1/ReportAck.ts';
import type { ServerMessage as _mirrorlet_feed_v1_ServerMessage, ServerMessage__Output as _mirrorlet_feed_v1_ServerMessage__Output } from './mirrorlet/feed/v1/ServerMessage.ts';
import type { State as _mirrorlet_feed_v1_State, State__Output as _mirrorlet_feed_v1_State__Output } from './mirrorlet/feed/v1/State.ts';
import type { Welcome as _mirrorlet_feed_v1_Welcome, Welcome__Output as _mirrorlet_feed_v1_Welcome__Output } from './mirrorlet/feed/v1/Welcome.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  mirrorlet: {
    feed: {
      v1: {
        AgentMessage: MessageTypeDefinition<_mirrorlet_feed_v1_AgentMessage, _mirrorlet_feed_v1_AgentMessage__Output>
        Assignment: MessageTypeDefinition<_mirrorlet_feed_v1_Assignment, _mirrorlet_feed_v1_Assignment__Output>
        Condition: MessageTypeDefinition<_mirrorlet_feed_v1_Condition, _mirrorlet_feed_v1_Condition__Output>
        Error: MessageTypeDefinition<_mirrorlet_feed_v1_Error, _mirrorlet_feed_v1_Error__Output>
        Feed: SubtypeConstructor<typeof grpc.Client, _mirrorlet_feed_v1_FeedClient> & { service: _mirrorlet_feed_v1_FeedDefinition }
        FetchRequest: MessageTypeDefinition<_mirrorlet_feed_v1_FetchRequest, _mirrorlet_feed_v1_FetchRequest__Output>
        FetchResponse: MessageTypeDefinition<_mirrorlet_feed_v1_FetchResponse, _mirrorlet_feed_v1_FetchResponse__Output>
        GoAway: MessageTypeDefinition<_mirrorlet_feed_v1_GoAway, _mirrorlet_feed_v1_GoAway__Output>
        Heartbeat: MessageTypeDefinition<_mirrorlet_feed_v1_Heartbeat, _mirrorlet_feed_v1_Heartbeat__Output>
        Hello: MessageTypeDefinition<_mirrorlet_feed_v1_Hello, _mirrorlet_feed_v1_Hello__Output>
        Item: MessageTypeDefinition<_mirrorlet_feed_v1_Item, _mirrorlet_feed_v1_Item__Output>
        Mode: EnumTypeDefinition
        NeedState: MessageTypeDefinition<_mirrorlet_feed_v1_NeedState, _mirrorlet_feed_v1_NeedState__Output>
        Phase: EnumTypeDefinition
        RegistryState: MessageTypeDefinition<_mirrorlet_feed_v1_RegistryState, _mirrorlet_feed_v1_RegistryState__Output>
        Rejection: MessageTypeDefinition<_mirrorlet_feed_v1_Rejection, _mirrorlet_feed_v1_Rejection__Output>
        Report: MessageTypeDefinition<_mirrorlet_feed_v1_Report, _mirrorlet_feed_v1_Report__Output>
        ReportAck: MessageTypeDefinition<_mirrorlet_feed_v1_ReportAck, _mirrorlet_feed_v1_ReportAck__Output>
        ServerMessage: MessageTypeDefinition<_mirrorlet_feed_v1_ServerMessage, _mirrorlet_feed_v1_ServerMessage__Output>
        Source: EnumTypeDefinition
        State: MessageTypeDefinition<_mirrorlet_feed_v1_State, _mirrorlet_feed_v1_State__Output>
        Welcome: MessageTypeDefinition<_mirrorlet_feed_v1_Welcome, _mirrorlet_feed_v1_Welcome__Output>
      }
    }
  }
}

