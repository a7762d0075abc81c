/**
 * A UDP program of this host that converses with the guest `net` through passt.
 *
 *     datagram_client.ts PORT COUNT
 */
import dgram from "node:dgram";
import { datagramTo, guestMac, NetClient, payloadOf } from "../guests/net_client.ts";

const [port, count] = Deno.args.map(Number);
const client = new NetClient(count!);
const socket = dgram.createSocket("udp4");
socket.on("message", (payload: Uint8Array) => {
  client.receive(datagramTo(guestMac, new Uint8Array(payload)));
});
client.begin({
  send: (frame) => socket.send(payloadOf(frame), port!, "127.0.0.1"),
  after: (milliseconds, action) => void setTimeout(action, milliseconds),
});
const watch = setInterval(() => {
  if (!client.finished && client.wrong === undefined) return;
  clearInterval(watch);
  console.log(JSON.stringify({ answered: client.answered, wrong: client.wrong }));
  // The message that ends the guest may be lost: it is repeated for a moment.
  setTimeout(() => Deno.exit(0), 500);
}, 10);
