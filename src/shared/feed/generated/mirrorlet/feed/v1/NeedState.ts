// Original file: proto/feed.proto


export interface NeedState {
}

export interface NeedState__Output {
}
