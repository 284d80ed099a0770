// A way through the wall of a network namespace: what comes in at one end goes out at the other, one of which is a
// socket file, which is visible from everywhere. Ends with its standard input.
//   node net-bridge.mjs listen PORT SOCKET    127.0.0.1:PORT here → SOCKET
//   node net-bridge.mjs connect PORT SOCKET   SOCKET → 127.0.0.1:PORT here
import { connect, createServer } from "node:net";

const [, , direction, port, socket] = process.argv;
const inside = { port: Number(port), host: "127.0.0.1" };
const [from, to] = direction === "listen" ? [inside, { path: socket }] : [{ path: socket }, inside];
const server = createServer({ allowHalfOpen: true }, (incoming) => {
  const onward = connect({ ...to, allowHalfOpen: true });
  incoming.pipe(onward).pipe(incoming);
  incoming.on("error", () => onward.destroy());
  onward.on("error", () => incoming.destroy());
  incoming.on("close", () => onward.destroy());
  onward.on("close", () => incoming.destroy());
});
server.listen(from, () => process.stdout.write("listening\n"));
process.stdin.on("end", () => process.exit(0)).resume();
