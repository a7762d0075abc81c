/** The other side of the protocol, in a test's hands: bytes out, packets in. */
import { Bookmarks } from "../../lib/debug/bookmarks.ts";
import { Debugger } from "../../lib/debug/debugger.ts";
import { type GdbEvent, GdbPacketReader } from "../../lib/debug/gdb_packet.ts";
import { type GdbEnding, serveGdb } from "../../lib/debug/gdb_session.ts";
import { Growth, type GrowthOptions } from "../../lib/debug/growth.ts";
import { Timeline } from "../../lib/debug/timeline.ts";
import { withFolder } from "../host/temporary_folder.ts";

/** What stands for itself only behind an escape: #, $, * and }. */
const SPECIAL = new Set([0x23, 0x24, 0x2a, 0x7d]);

/** One who speaks as gdb does. */
export interface GdbTalker {
  /** Sends bytes as they are. */
  send(bytes: Uint8Array | string): Promise<void>;
  /** The next thing that comes; undefined at the end. */
  next(): Promise<GdbEvent | undefined>;
  /** Sends a packet and answers the text of the next one, without acknowledgements. */
  ask(text: string): Promise<string>;
  /** Sends a packet that may show text before its answer. */
  asked(text: string): Promise<{ readonly shown: string; readonly answer: string }>;
  /** Runs a `monitor` command, and answers what is shown. */
  monitor(line: string): Promise<string>;
  /** Closes the connection without a word. */
  disconnect(): Promise<void>;
}

/** What a test has of a session with a recording in its hands. */
export interface GdbClient extends GdbTalker {
  /** The recording behind it. */
  readonly timeline: Timeline;
  /** How the server has left. */
  readonly ended: Promise<GdbEnding>;
}

/** Serves a log in memory to `test`. */
export async function withGdb(
  log: Uint8Array,
  test: (gdb: GdbClient, path: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    await Deno.writeFile(path, log);
    await withGdbAt(path, (gdb) => test(gdb, path));
  });
}

/** Serves a log in a file to `test`. */
export async function withGdbAt(
  path: string,
  test: (gdb: GdbClient) => Promise<void>,
  note: (text: string) => void = () => {},
  growth: GrowthOptions = {},
): Promise<void> {
  const timeline = await Timeline.open(path);
  try {
    await timeline.seek(timeline.start);
    const { run } = timeline.header;
    const bookmarks = Bookmarks.open(path, run, (moment) => timeline.has(moment), note);
    const to = new TransformStream<Uint8Array, Uint8Array>();
    const from = new TransformStream<Uint8Array, Uint8Array>();
    const connection = { readable: to.readable, writable: from.writable };
    const moving = new Debugger(timeline, new Growth(timeline, growth));
    const parts = { debugger: moving, bookmarks };
    const ended = serveGdb(connection, () => Promise.resolve(parts));
    const client = new Client(to.writable, from.readable);
    await test(Object.assign(client, { timeline, ended }));
    await client.disconnect();
    await ended;
  } finally {
    timeline.close();
  }
}

/** The client at the other end of two streams. */
export function gdbTalker(
  writable: WritableStream<Uint8Array>,
  readable: ReadableStream<Uint8Array>,
): GdbTalker {
  return new Client(writable, readable);
}

class Client implements GdbTalker {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #packets = new GdbPacketReader();
  readonly #events: GdbEvent[] = [];

  constructor(
    writable: WritableStream<Uint8Array>,
    readable: ReadableStream<Uint8Array>,
  ) {
    this.#writer = writable.getWriter();
    this.#reader = readable.getReader();
  }

  async send(bytes: Uint8Array | string): Promise<void> {
    await this.#writer.write(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
  }

  async next(): Promise<GdbEvent | undefined> {
    while (this.#events.length === 0) {
      const { value, done } = await this.#reader.read();
      if (done) return undefined;
      this.#events.push(...this.#packets.push(value));
    }
    return this.#events.shift();
  }

  async ask(text: string): Promise<string> {
    await this.send(request(text));
    for (;;) {
      const event = await this.next();
      if (event?.kind === "packet") return expanded(event.text);
      if (!event) throw new Error(`Nothing is answered to ${text}`);
    }
  }

  async monitor(line: string): Promise<string> {
    const digits = Array.from(
      new TextEncoder().encode(line),
      (byte) => byte.toString(16).padStart(2, "0"),
    );
    const { shown, answer } = await this.asked(`qRcmd,${digits.join("")}`);
    if (answer !== "OK") throw new Error(`${line} is answered by ${answer}`);
    return shown;
  }

  async asked(text: string): Promise<{ readonly shown: string; readonly answer: string }> {
    let shown = "";
    let answer = await this.ask(text);
    for (; answer.startsWith("O") && answer !== "OK";) {
      const bytes = answer.slice(1).match(/../g)!.map((pair) => parseInt(pair, 16));
      shown += new TextDecoder().decode(Uint8Array.from(bytes));
      const event = await this.next();
      if (event?.kind !== "packet") throw new Error("The output is not followed by a packet");
      answer = expanded(event.text);
    }
    return { shown, answer };
  }

  async disconnect(): Promise<void> {
    await this.#writer.close().catch(() => {});
    while (await this.next());
  }
}

/** A packet as gdb sends it, which shortens no runs. */
export function request(text: string): Uint8Array {
  const plain = Array.from(text, (one) => one.charCodeAt(0));
  const body = plain.flatMap((byte) => SPECIAL.has(byte) ? [0x7d, byte ^ 0x20] : [byte]);
  const sum = body.reduce((all, byte) => all + byte & 0xff, 0);
  const end = new TextEncoder().encode(`#${sum.toString(16).padStart(2, "0")}`);
  return Uint8Array.from([0x24, ...body, ...end]);
}

/** Text whose runs are written out again. */
export function expanded(text: string): string {
  return text.replace(
    /(.)\*(.)/gs,
    (_, run: string, count: string) => run.repeat(count.charCodeAt(0) - 28),
  );
}
