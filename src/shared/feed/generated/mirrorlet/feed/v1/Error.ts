// Original file: proto/feed.proto


export interface Error {
  'code'?: (string);
  'message'?: (string);
  'item'?: (string);
  'retriable'?: (boolean);
}

export interface Error__Output {
  'code': (string);
  'message': (string);
  'item': (string);
  'retriable': (boolean);
}
