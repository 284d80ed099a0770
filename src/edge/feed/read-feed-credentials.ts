import { createPrivateKey, X509Certificate } from "node:crypto";
import { type ReadInputResult, readInputFile } from "../read-input-file.ts";

/** What a connection to the feed is made with. */
export interface FeedCredentials {
  readonly ca: Buffer | undefined;
  /** Undefined: over a unix socket, whose directory decides who may speak. */
  readonly pair: FeedPair | undefined;
  /** What is wrong with the files as they are now, where these are from before. */
  readonly stale?: string;
}

interface FeedPair {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly nodeId: string;
  readonly notAfterMs: number;
}

export type CredentialsResult =
  | { readonly ok: true; readonly credentials: FeedCredentials }
  | { readonly ok: false; readonly message: string };

export interface CredentialPaths {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Put before each path; "" for none. */
  readonly root: string;
}

/**
 * Reads the files anew at each call, and gives the last good ones where these are torn, missing or over: a certificate is
 * often exchanged in two writes, and a stream must not be lost for that. `nodeId`: as agent.toml has it; a certificate of
 * another node is never shown. Never rejects.
 */
export function createCredentialReader(
  paths: CredentialPaths,
  nodeId: string,
  nowMs: () => number,
): () => Promise<CredentialsResult> {
  let lastGood: FeedCredentials | undefined;
  return async () => {
    try {
      const fresh = await readCredentials(paths);
      if (fresh.pair !== undefined && fresh.pair.nodeId !== nodeId)
        throw new Error(
          `feed.cert is of node ${fresh.pair.nodeId}, and this node is ${nodeId} (node.id): one of them is wrong`,
        );
      const isWorse = isOver(fresh, nowMs()) && lastGood !== undefined && !isOver(lastGood, nowMs());
      if (isWorse) throw new Error("the certificate has expired, the one before has not");
      lastGood = fresh;
      return { ok: true, credentials: fresh };
    } catch (error) {
      const { message } = error as Error;
      return lastGood === undefined
        ? { ok: false, message }
        : { ok: true, credentials: { ...lastGood, stale: message } };
    }
  };
}

function isOver({ pair }: FeedCredentials, nowMs: number): boolean {
  return pair !== undefined && pair.notAfterMs <= nowMs;
}

async function readCredentials({ ca, cert, key, root }: CredentialPaths): Promise<FeedCredentials> {
  const caBytes = ca === undefined ? undefined : await read(ca, root);
  if (caBytes !== undefined && ca !== undefined) checkCas(caBytes, ca);
  if (cert === undefined || key === undefined) return { ca: caBytes, pair: undefined };
  return { ca: caBytes, pair: await readPair(cert, key, root) };
}

async function readPair(certPath: string, keyPath: string, root: string): Promise<FeedPair> {
  const cert = await read(certPath, root);
  const key = await read(keyPath, root);
  const [leaf] = certificatesIn(cert, certPath);
  if (leaf === undefined) throw new Error(`${certPath} holds no certificate`);
  if (!leaf.checkPrivateKey(privateKey(key, keyPath)))
    throw new Error(`${certPath} and ${keyPath} do not belong together: one of them was exchanged`);
  const nodeId = nodeIdOf(leaf);
  if (nodeId === undefined)
    throw new Error(`${certPath} names no node: it needs one URI such as spiffe://example.org/node/ID`);
  return { cert, key, nodeId, notAfterMs: Date.parse(leaf.validTo) };
}

const MOST_BYTES = 256 * 1024;

async function read(path: string, root: string): Promise<Buffer> {
  const result: ReadInputResult = await readInputFile(path, { root, trust: "owner", maxBytes: MOST_BYTES });
  if (!result.ok) throw new Error(`${path}: ${result.issue.message}; ${result.issue.fix}`);
  return Buffer.from(result.bytes);
}

// An error of OpenSSL about a key must not quote it.
function privateKey(bytes: Buffer, path: string) {
  try {
    return createPrivateKey(bytes);
  } catch {
    throw new Error(`${path} is no private key in PEM, or one that needs a passphrase`);
  }
}

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

function certificatesIn(bytes: Buffer, path: string): readonly X509Certificate[] {
  return (bytes.toString("latin1").match(PEM) ?? []).map((text) => {
    try {
      return new X509Certificate(text);
    } catch {
      throw new Error(`${path} holds something that is no certificate`);
    }
  });
}

function checkCas(bytes: Buffer, path: string): void {
  if (certificatesIn(bytes, path).length === 0) throw new Error(`${path} holds no certificate`);
}

/** The id in the certificate's one SPIFFE URI; https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md */
export function nodeIdOf({ subjectAltName }: Pick<X509Certificate, "subjectAltName">): string | undefined {
  // Node quotes names with anything special in them, which no id that we take has.
  const uris = (subjectAltName ?? "").split(", ").filter((name) => name.startsWith("URI:"));
  const [uri, ...more] = uris;
  if (uri === undefined || more.length > 0) return undefined;
  return /^URI:spiffe:\/\/[a-z0-9._-]{1,255}\/node\/([A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?)$/.exec(
    uri,
  )?.[1];
}
