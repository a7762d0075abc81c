/**
 * Framing of gdb's remote serial protocol ("Overview" in appendix E of gdb's manual): `$text#checksum`,
 * acknowledged by `+` or refused by `-`, and the single byte of Ctrl-C. Text has a character a byte.
 */

/** Most bytes of a packet's text, either way. */
export const packetBytesLimit = 16384;

/** What comes from gdb. */
export type GdbEvent =
  | { readonly kind: "packet"; readonly text: string }
  /** Its checksum is another, or is no checksum. */
  | { readonly kind: "damaged" }
  /** It is longer than {@linkcode packetBytesLimit}; none of it is kept. */
  | { readonly kind: "oversized" }
  | { readonly kind: "acknowledged" | "refused" | "interrupt" };

const START = 0x24, END = 0x23, ESCAPE = 0x7d, STAR = 0x2a, FLIP = 0x20;
const SINGLE: ReadonlyMap<number, GdbEvent> = new Map([
  [0x2b, { kind: "acknowledged" }],
  [0x2d, { kind: "refused" }],
  [0x03, { kind: "interrupt" }],
]);

/** Takes packets out of a stream of bytes, however it is cut; what stands between packets is skipped. */
export class GdbPacketReader {
  #state: "outside" | "text" | "first digit" | "second digit" = "outside";
  #bytes: number[] = [];
  #sum = 0;
  #escaped = false;
  #tooLong = false;
  #digits = "";

  /** What is complete with these bytes. */
  *push(bytes: Uint8Array): Generator<GdbEvent, void, undefined> {
    for (const byte of bytes) {
      const event = this.#take(byte);
      if (event) yield event;
    }
  }

  #take(byte: number): GdbEvent | undefined {
    switch (this.#state) {
      case "outside":
        if (byte === START) this.#begin();
        return SINGLE.get(byte);
      case "text":
        return this.#takeText(byte);
      case "first digit":
        this.#digits = String.fromCharCode(byte);
        this.#state = "second digit";
        return undefined;
      case "second digit":
        this.#digits += String.fromCharCode(byte);
        return this.#end();
    }
  }

  #takeText(byte: number): undefined {
    // A packet whose end got lost: this is the next one.
    if (byte === START) return this.#begin();
    if (byte === END) {
      this.#state = "first digit";
      return;
    }
    this.#sum = this.#sum + byte & 0xff;
    if (byte === ESCAPE && !this.#escaped) {
      this.#escaped = true;
      return;
    }
    if (this.#bytes.length === packetBytesLimit) this.#tooLong = true;
    else this.#bytes.push(this.#escaped ? byte ^ FLIP : byte);
    this.#escaped = false;
  }

  #begin(): undefined {
    this.#state = "text";
    this.#bytes = [];
    this.#sum = 0;
    this.#escaped = false;
    this.#tooLong = false;
  }

  #end(): GdbEvent {
    this.#state = "outside";
    const sum = /^[0-9a-f]{2}$/i.test(this.#digits) ? parseInt(this.#digits, 16) : undefined;
    if (sum !== this.#sum) return { kind: "damaged" };
    if (this.#tooLong) return { kind: "oversized" };
    return { kind: "packet", text: latin(this.#bytes) };
  }
}

/** A packet with this text, a character a byte: escaped, runs shortened, checksum added. */
export function gdbPacket(text: string): Uint8Array {
  const bytes: number[] = [];
  for (let at = 0; at < text.length;) {
    const byte = text.charCodeAt(at);
    let run = 1;
    while (run < LONGEST_RUN && text.charCodeAt(at + run) === byte) run++;
    if (byte === START || byte === END || byte === ESCAPE || byte === STAR) {
      bytes.push(ESCAPE, byte ^ FLIP);
      at++;
    } else if (run > SHORTEST_RUN) {
      // The number of repeats must not look like what has a meaning by itself.
      while (FORBIDDEN.has(run - 1 + RUN_OFFSET)) run--;
      bytes.push(byte, STAR, run - 1 + RUN_OFFSET);
      at += run;
    } else {
      bytes.push(byte);
      at++;
    }
  }
  const sum = bytes.reduce((all, byte) => all + byte & 0xff, 0);
  const digits = sum.toString(16).padStart(2, "0");
  return Uint8Array.from([START, ...bytes, END, digits.charCodeAt(0), digits.charCodeAt(1)]);
}

/** A run is written as its byte, a star, and its further bytes plus this. */
const RUN_OFFSET = 29;
/** Runs up to this long are as short as they are. */
const SHORTEST_RUN = 3;
/** The number must be printable. */
const LONGEST_RUN = 126 - RUN_OFFSET + 1;
const FORBIDDEN = new Set([START, END, ESCAPE, 0x2b, 0x2d]);

/** Bytes as text, a character a byte. */
export function latin(bytes: ArrayLike<number>): string {
  let text = "";
  for (let at = 0; at < bytes.length; at++) text += String.fromCharCode(bytes[at]!);
  return text;
}

/** Text as hexadecimal digits, of its UTF-8 bytes. */
export function hexText(text: string): string {
  return hexBytes(new TextEncoder().encode(text));
}

/** Bytes as hexadecimal digits. */
export function hexBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A number as the bytes of a register, little-endian, in hexadecimal digits. */
export function hexLittleEndian(value: bigint, bytes: number): string {
  const all = new Uint8Array(8);
  new DataView(all.buffer).setBigUint64(0, value, true);
  return hexBytes(all.subarray(0, bytes));
}
