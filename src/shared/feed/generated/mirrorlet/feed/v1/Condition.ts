// Original file: proto/feed.proto


export interface Condition {
  'type'?: (string);
  'message'?: (string);
}

export interface Condition__Output {
  'type': (string);
  'message': (string);
}
