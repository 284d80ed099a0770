// Original file: proto/feed.proto

export const Mode = {
  MODE_UNSPECIFIED: 'MODE_UNSPECIFIED',
  MODE_PREFLIGHT: 'MODE_PREFLIGHT',
  MODE_APPLY: 'MODE_APPLY',
  MODE_HOLD: 'MODE_HOLD',
  MODE_REVERT: 'MODE_REVERT',
} as const;

export type Mode =
  | 'MODE_UNSPECIFIED'
  | 0
  | 'MODE_PREFLIGHT'
  | 1
  | 'MODE_APPLY'
  | 2
  | 'MODE_HOLD'
  | 3
  | 'MODE_REVERT'
  | 4

export type Mode__Output = typeof Mode[keyof typeof Mode]
