// Original file: proto/feed.proto

import type { Long } from '@grpc/proto-loader';

export interface ReportAck {
  'throughSeq'?: (number | string | Long);
}

export interface ReportAck__Output {
  'throughSeq': (number);
}
