/** Who connects, before anything is done for them: gdb speaks first, and in packets. */
import { pause } from "../host/pause.ts";
import { GdbPacketReader, packetBytesLimit } from "./gdb_packet.ts";

/** What gdb begins with: an acknowledgement, or a packet. A browser's request begins with a letter. */
const FIRST_BYTES: readonly number[] = [0x2b, 0x24];

/**
 * Waits for the first whole packet.
 *
 * @param milliseconds How long.
 * @returns All that comes, that packet first; undefined when whoever it is does not speak gdb's protocol.
 */
export async function greeted(
  readable: ReadableStream<Uint8Array>,
  milliseconds: number,
): Promise<ReadableStream<Uint8Array> | undefined> {
  const reader = readable.getReader();
  const over = new AbortController();
  const late = pause(milliseconds, over.signal).then(() => undefined);
  try {
    const chunks = await firstChunks(reader, late);
    if (chunks) return replayed(chunks, reader);
  } finally {
    over.abort();
  }
  // Whatever becomes of it, nobody reads from it any more.
  reader.cancel().catch(() => {});
  return undefined;
}

/** What has come when the first packet is whole. */
async function firstChunks(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  late: Promise<undefined>,
): Promise<Uint8Array[] | undefined> {
  const packets = new GdbPacketReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  while (bytes <= packetBytesLimit) {
    const read = reader.read().then(({ value }) => value, () => undefined);
    const chunk = await Promise.race([read, late]);
    if (chunk === undefined) return undefined;
    if (bytes === 0 && !FIRST_BYTES.includes(chunk[0]!)) return undefined;
    chunks.push(chunk);
    bytes += chunk.length;
    if (packets.push(chunk).some(({ kind }) => kind === "packet")) return chunks;
  }
  return undefined;
}

/** The same stream again from its beginning. */
function replayed(
  chunks: readonly Uint8Array[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
    },
    async pull(controller) {
      const { value, done } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
