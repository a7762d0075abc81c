import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  encodeFrames,
  FrameConnection,
  FrameDecoder,
  FramingError,
  longestStreamFrameBytes,
} from "../../lib/host/frame_stream.ts";
import { Seeded } from "../epoch/seeded.ts";
import { SocketPair } from "./socket_pair.ts";

function frame(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * 5 + seed);
}

Deno.test("a frame stands behind its length in 32 bits, big-endian", () => {
  assertEquals(encodeFrames([frame(14)]), Uint8Array.of(0, 0, 0, 14, ...frame(14)));
});

Deno.test("frames come back as they were, in whatever pieces their bytes come", () => {
  const random = new Seeded(9);
  const frames = Array.from({ length: 200 }, (_, seed) => frame(random.between(14, 3000), seed));
  frames.push(frame(longestStreamFrameBytes));
  const bytes = encodeFrames(frames);
  const decoder = new FrameDecoder();
  const decoded: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const piece = bytes.slice(at, at + random.upTo(5000));
    decoded.push(...decoder.push(piece));
    at += piece.length;
  }
  assertEquals(decoded, frames);
});

Deno.test("lengths that no frame has are refused before anything is allocated", () => {
  for (const length of [0, 13, longestStreamFrameBytes + 1, 2 ** 32 - 1]) {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, length);
    assertThrows(() => new FrameDecoder().push(bytes), FramingError, `${length} bytes`);
  }
});

Deno.test("a connection gives and takes frames until its peer goes", async () => {
  const pair = new SocketPair();
  const left = new FrameConnection(pair.left);
  const right = new FrameConnection(pair.right);
  const came: Uint8Array[] = [];
  const ended = right.receive((bytes) => came.push(bytes));
  for (let seed = 0; seed < 20; seed++) left.send(frame(100 + seed, seed));
  await pair.idle();
  assertEquals(came, Array.from({ length: 20 }, (_, seed) => frame(100 + seed, seed)));
  left.close();
  assertEquals(await ended, "it has gone away");
  right.send(frame(60));
  assertEquals(right.dropped, 1);
});

Deno.test("a peer that does not read loses frames, bounds what waits for it, and gets whole ones later", async () => {
  const pair = new SocketPair(1000);
  const left = new FrameConnection(pair.left);
  const right = new FrameConnection(pair.right);
  for (let count = 0; count < 10_000; count++) left.send(frame(1500, count));
  assert(left.dropped > 9000);
  const came: Uint8Array[] = [];
  void right.receive((bytes) => came.push(bytes));
  await pair.idle();
  assertEquals(came.length, 10_000 - left.dropped);
  came.forEach((bytes, index) => assertEquals(bytes, frame(1500, index)));
  left.send(frame(60, 3));
  await pair.idle();
  assertEquals(came.at(-1), frame(60, 3));
});

Deno.test("a peer that breaks the framing is let go, with the reason", async () => {
  const pair = new SocketPair();
  const right = new FrameConnection(pair.right);
  const ended = right.receive(() => {});
  await pair.left.write(Uint8Array.of(255, 255, 255, 255));
  assertEquals(await ended, "A frame of 4294967295 bytes, must have 14 to 69632");
  assert(pair.closed);
});

Deno.test("what was sent can be waited for", async () => {
  const pair = new SocketPair(1000);
  const left = new FrameConnection(pair.left);
  const right = new FrameConnection(pair.right);
  for (let count = 0; count < 20; count++) left.send(frame(1500));
  let came = 0;
  void right.receive(() => came++);
  await left.sent();
  left.close();
  await pair.idle();
  assertEquals(came, 20);
  await left.sent();
});
