import type { Exchange } from "../../evidence/exchange.ts";
import type { RegistryFailure } from "../../evidence/registry-failure.ts";

/** resolve: a name becomes a digest · manifest: what it names · platform: one manifest of an index · config: a blob. */
export type PullStage = "resolve" | "manifest" | "platform" | "config";

/** A request as containerd makes it at this point of a pull. */
export interface PullRequest {
  /** Index among the hosts. */
  readonly host: number;
  readonly stage: PullStage;
  readonly method: "HEAD" | "GET";
  readonly url: string;
  readonly isManifest: boolean;
  /** In the fetch stages, the type that is expected; "" in the resolve stage, which takes any. */
  readonly mediaType: string;
  readonly isLastHost: boolean;
  /** For the digest of the body: `sha256`, or what the digest that is asked for is made with. */
  readonly hash: string;
  /** Of the body; what is beyond is not read. */
  readonly maxBytes: number;
  /** False: containerd does not get so far; asked in order to know what stands behind. */
  readonly isReached: boolean;
}

/** What became of it, redirects, tokens and further tries included. */
export type PullReply = PullAnswer | PullFailure;

export interface PullAnswer {
  readonly kind: "answer";
  /** GET where a HEAD was answered 405. */
  readonly method: string;
  readonly status: number;
  /** Undefined: the server does not tell. */
  readonly contentLength?: number;
  /** Without parameters; "" when there is none. */
  readonly mediaType: string;
  /** `Docker-Content-Digest`; "" when there is none. */
  readonly digestHeader: string;
  /** 401 although a token or credentials were sent. */
  readonly isRefused: boolean;
  /** Of a GET that was answered 2xx. */
  readonly body?: PullBody;
  readonly exchange: Exchange;
}

export interface PullBody {
  readonly bytes: Uint8Array;
  /** Of the bytes, with its algorithm. */
  readonly digest: string;
  readonly end: "whole" | "limit" | "cut";
}

export interface PullFailure {
  readonly kind: "failure";
  readonly failure: RegistryFailure;
  readonly exchange: Exchange;
}

/** What is fetched, as whoever names it describes it. */
export interface Descriptor {
  readonly digest: string;
  readonly size: number;
  readonly mediaType: string;
}
