// Original file: proto/feed.proto


export interface GoAway {
  'reconnectAfterMs'?: (number);
  'spreadMs'?: (number);
  'reason'?: (string);
}

export interface GoAway__Output {
  'reconnectAfterMs': (number);
  'spreadMs': (number);
  'reason': (string);
}
