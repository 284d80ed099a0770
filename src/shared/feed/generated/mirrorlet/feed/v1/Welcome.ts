// Original file: proto/feed.proto


export interface Welcome {
  'protocol'?: (number);
  'serverId'?: (string);
  'serverVersion'?: (string);
  'heartbeatMs'?: (number);
}

export interface Welcome__Output {
  'protocol': (number);
  'serverId': (string);
  'serverVersion': (string);
  'heartbeatMs': (number);
}
