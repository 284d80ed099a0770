// Original file: proto/feed.proto

export const Source = {
  SOURCE_UNSPECIFIED: 'SOURCE_UNSPECIFIED',
  SOURCE_FEED: 'SOURCE_FEED',
  SOURCE_FILE: 'SOURCE_FILE',
  SOURCE_PINNED: 'SOURCE_PINNED',
} as const;

export type Source =
  | 'SOURCE_UNSPECIFIED'
  | 0
  | 'SOURCE_FEED'
  | 1
  | 'SOURCE_FILE'
  | 2
  | 'SOURCE_PINNED'
  | 3

export type Source__Output = typeof Source[keyof typeof Source]
