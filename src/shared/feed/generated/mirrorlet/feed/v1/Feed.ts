// Original file: proto/feed.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { AgentMessage as _mirrorlet_feed_v1_AgentMessage, AgentMessage__Output as _mirrorlet_feed_v1_AgentMessage__Output } from '../../../mirrorlet/feed/v1/AgentMessage.ts';
import type { FetchRequest as _mirrorlet_feed_v1_FetchRequest, FetchRequest__Output as _mirrorlet_feed_v1_FetchRequest__Output } from '../../../mirrorlet/feed/v1/FetchRequest.ts';
import type { FetchResponse as _mirrorlet_feed_v1_FetchResponse, FetchResponse__Output as _mirrorlet_feed_v1_FetchResponse__Output } from '../../../mirrorlet/feed/v1/FetchResponse.ts';
import type { ServerMessage as _mirrorlet_feed_v1_ServerMessage, ServerMessage__Output as _mirrorlet_feed_v1_ServerMessage__Output } from '../../../mirrorlet/feed/v1/ServerMessage.ts';

export interface FeedClient extends grpc.Client {
  Fetch(argument: _mirrorlet_feed_v1_FetchRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_mirrorlet_feed_v1_FetchResponse__Output>): grpc.ClientUnaryCall;
  Fetch(argument: _mirrorlet_feed_v1_FetchRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_mirrorlet_feed_v1_FetchResponse__Output>): grpc.ClientUnaryCall;
  Fetch(argument: _mirrorlet_feed_v1_FetchRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_mirrorlet_feed_v1_FetchResponse__Output>): grpc.ClientUnaryCall;
  Fetch(argument: _mirrorlet_feed_v1_FetchRequest, callback: grpc.requestCallback<_mirrorlet_feed_v1_FetchResponse__Output>): grpc.ClientUnaryCall;
  fetch(argument: _mirrorlet_feed_v1_FetchRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_mirrorlet_feed_v1_FetchResponse__Output>): grpc.ClientUnaryCall;
  fetch(argument: _mirrorlet_feed_v1_FetchRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_mirrorlet_feed_v1_FetchResponse__Output>): grpc.ClientUnaryCall;
  fetch(argument: _mirrorlet_feed_v1_FetchRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_mirrorlet_feed_v1_FetchResponse__Output>): grpc.ClientUnaryCall;
  fetch(argument: _mirrorlet_feed_v1_FetchRequest, callback: grpc.requestCallback<_mirrorlet_feed_v1_FetchResponse__Output>): grpc.ClientUnaryCall;
  
  Sync(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_mirrorlet_feed_v1_AgentMessage, _mirrorlet_feed_v1_ServerMessage__Output>;
  Sync(options?: grpc.CallOptions): grpc.ClientDuplexStream<_mirrorlet_feed_v1_AgentMessage, _mirrorlet_feed_v1_ServerMessage__Output>;
  sync(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_mirrorlet_feed_v1_AgentMessage, _mirrorlet_feed_v1_ServerMessage__Output>;
  sync(options?: grpc.CallOptions): grpc.ClientDuplexStream<_mirrorlet_feed_v1_AgentMessage, _mirrorlet_feed_v1_ServerMessage__Output>;
  
}

export interface FeedHandlers extends grpc.UntypedServiceImplementation {
  Fetch: grpc.handleUnaryCall<_mirrorlet_feed_v1_FetchRequest__Output, _mirrorlet_feed_v1_FetchResponse>;
  
  Sync: grpc.handleBidiStreamingCall<_mirrorlet_feed_v1_AgentMessage__Output, _mirrorlet_feed_v1_ServerMessage>;
  
}

export interface FeedDefinition extends grpc.ServiceDefinition {
  Fetch: MethodDefinition<_mirrorlet_feed_v1_FetchRequest, _mirrorlet_feed_v1_FetchResponse, _mirrorlet_feed_v1_FetchRequest__Output, _mirrorlet_feed_v1_FetchResponse__Output>
  Sync: MethodDefinition<_mirrorlet_feed_v1_AgentMessage, _mirrorlet_feed_v1_ServerMessage, _mirrorlet_feed_v1_AgentMessage__Output, _mirrorlet_feed_v1_ServerMessage__Output>
}
