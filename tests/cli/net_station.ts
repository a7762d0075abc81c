/**
 * A process that plugs into a frame socket: `converse` with the guest `net`, or `garble` the framing.
 *
 *     net_station.ts converse PATH COUNT [MAC [FIRST]]     ends with a line of JSON when all are answered
 *     net_station.ts garble PATH                           ends when the other side hangs up
 *
 * After FIRST messages it repeats the last of them, until a line on standard input says how many may be sent.
 */
import { FrameClient } from "../../lib/host/frame_client.ts";
import { connectSocket } from "../../lib/host/unix_socket.ts";
import { guestMac, NetClient } from "../guests/net_client.ts";

const REPORT_MILLISECONDS = 20;

async function converse(path: string, count: number, mac: string, first: number): Promise<void> {
  const client = new NetClient(count, mac);
  client.allow(first);
  void obey(client);
  const socket = new FrameClient(path);
  let announcements = 0;
  await socket.connect();
  socket.start({
    frame: (frame) => {
      if (frame[12] === 0x80 && frame[13] === 0x35) announcements++;
      client.receive(frame);
    },
    note: (text) => console.error(text),
  });
  client.begin({
    send: (frame) => socket.send(frame),
    after: (milliseconds, action) => void setTimeout(action, milliseconds),
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  const report = setInterval(() => {
    console.error(`answered ${client.answered}`);
    if (client.finished || client.wrong !== undefined) resolve();
  }, REPORT_MILLISECONDS);
  await promise;
  clearInterval(report);
  const { answered, wrong, repeated, checksum } = client;
  console.log(JSON.stringify({ answered, wrong, repeated, checksum, announcements }));
  // The message that ends the guest may be lost: it is repeated for a moment.
  await new Promise((resolve) => setTimeout(resolve, 500));
  Deno.exit(0);
}

async function obey(client: NetClient): Promise<void> {
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    client.allow(Number(text));
  }
}

async function garble(path: string): Promise<void> {
  const socket = await connectSocket(path);
  await socket.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  while (await socket.read(new Uint8Array(100)) !== null);
}

const [what, path = "", count = "1", mac = guestMac, first = count] = Deno.args;
if (what === "converse") await converse(path, Number(count), mac, Number(first));
else await garble(path);
