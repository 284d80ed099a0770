import { type ConnectionOptions, connect } from "node:tls";

/** One gRPC stream on a connection of its own, with HTTP/2 written by hand: a client that costs next to nothing. */
export interface RawStream {
  /** A message as the codec of the service makes it. */
  send(message: Uint8Array): void;
  /** Reads nothing any more, not even from the socket. */
  stall(): void;
  goOn(): void;
  destroy(): void;
}

export interface RawStreamOptions extends ConnectionOptions {
  /** `/package.Service/Method` */
  readonly method: string;
  /** The first message; sent with the request. */
  readonly hello: Uint8Array;
  readonly onMessage: (message: Buffer) => void;
  /** Once, whatever ended it. */
  readonly onEnd: () => void;
}

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const [DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE] = [0, 1, 4, 6, 8] as const;
const ACK = 1;
const END_HEADERS = 4;
/** How much is let in beyond what was read, for the connection and for the stream. */
const WINDOW = 1 << 20;
const INITIAL_WINDOW = 65_535;

export function openRawStream(options: RawStreamOptions): RawStream {
  const { method, hello, onMessage, onEnd } = options;
  const socket = connect({ ...options, ALPNProtocols: ["h2"] });
  const opening = Buffer.concat([
    PREFACE,
    // SETTINGS_INITIAL_WINDOW_SIZE
    frame(SETTINGS, 0, 0, Buffer.concat([Buffer.of(0, 4), uint32(INITIAL_WINDOW + WINDOW)])),
    frame(WINDOW_UPDATE, 0, 0, uint32(WINDOW)),
    frame(HEADERS, END_HEADERS, 1, requestHeaders(method)),
    dataFrame(hello),
  ]);
  socket.once("secureConnect", () => socket.write(opening));
  socket.on("error", () => undefined);
  socket.once("close", onEnd);
  const read = readFrames(socket, onMessage);
  socket.on("data", read);
  return {
    send: (message) => void socket.write(dataFrame(message)),
    stall: () => void socket.pause(),
    goOn: () => void socket.resume(),
    destroy: () => void socket.destroy(),
  };
}

/** Answers what has to be answered, and puts messages together. */
function readFrames(
  socket: { write(bytes: Buffer): boolean; destroy(): void },
  onMessage: (message: Buffer) => void,
) {
  let rest: Buffer = Buffer.alloc(0);
  let body: Buffer = Buffer.alloc(0);
  let unread = 0;
  const take = (payload: Buffer): void => {
    body = body.length === 0 ? payload : Buffer.concat([body, payload]);
    while (body.length >= 5 && body.length >= 5 + body.readUInt32BE(1)) {
      const end = 5 + body.readUInt32BE(1);
      onMessage(body.subarray(5, end));
      body = body.subarray(end);
    }
    unread += payload.length;
    if (unread < WINDOW / 2) return;
    socket.write(Buffer.concat([0, 1].map((stream) => frame(WINDOW_UPDATE, 0, stream, uint32(unread)))));
    unread = 0;
  };
  return (chunk: Buffer): void => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const [type, flags] = [rest.readUInt8(3), rest.readUInt8(4)];
      const payload = rest.subarray(9, 9 + rest.readUIntBE(0, 3));
      rest = rest.subarray(9 + payload.length);
      if (type === DATA) take(payload);
      else if (type === SETTINGS && flags !== ACK) socket.write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
      else if (type === PING && flags !== ACK) socket.write(frame(PING, ACK, 0, payload));
    }
  };
}

function dataFrame(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return frame(DATA, 0, 1, Buffer.concat([head, message]));
}

function requestHeaders(method: string): Buffer {
  const fields = [
    [":method", "POST"],
    [":scheme", "https"],
    [":path", method],
    [":authority", "feed"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ] as const;
  // Literals without indexing: RFC 7541, 6.2.2.
  return Buffer.concat(fields.flatMap((field) => [Buffer.of(0), ...field.map(literal)]));
}

function literal(text: string): Buffer {
  return Buffer.concat([Buffer.of(text.length), Buffer.from(text)]);
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
