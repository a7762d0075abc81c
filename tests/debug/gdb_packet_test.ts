/** Packets of gdb's protocol, whole, cut, damaged and hostile. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  type GdbEvent,
  gdbPacket,
  GdbPacketReader,
  hexLittleEndian,
  packetBytesLimit,
} from "../../lib/debug/gdb_packet.ts";
import { expanded, request } from "./gdb_client.ts";

function events(...pieces: readonly (Uint8Array | string)[]): GdbEvent[] {
  const reader = new GdbPacketReader();
  return pieces.flatMap((piece) => [
    ...reader.push(typeof piece === "string" ? new TextEncoder().encode(piece) : piece),
  ]);
}

Deno.test("a packet is read as the text that was written, in one piece or byte by byte", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 255 })), (codes) => {
    const text = String.fromCharCode(...codes);
    const bytes = gdbPacket(text);
    const whole = events(bytes);
    assertEquals(whole, events(...Array.from(bytes, (byte) => Uint8Array.of(byte))));
    assertEquals(whole.length, 1);
    // A reader of ours does not expand runs, which gdb does; a star of the text is escaped.
    if (!text.includes("*") && whole[0]!.kind === "packet") {
      assertEquals(expanded(whole[0]!.text), text);
    }
    assertEquals(events(request(text)), [{ kind: "packet", text }]);
  }));
});

Deno.test("runs of every length are shortened, with no count that looks like something else", () => {
  for (let length = 0; length < 300; length++) {
    const packet = new TextDecoder("latin1").decode(gdbPacket("0".repeat(length)));
    const [, body] = /^\$([^#$+}-]*)#[0-9a-f]{2}$/.exec(packet)!;
    assertEquals(expanded(body!), "0".repeat(length));
  }
});

Deno.test("acknowledgements, Ctrl-C and what is nothing stand between packets", () => {
  assertEquals(events("+-xyz\x03$g#67+"), [
    { kind: "acknowledged" },
    { kind: "refused" },
    { kind: "interrupt" },
    { kind: "packet", text: "g" },
    { kind: "acknowledged" },
  ]);
});

Deno.test("a wrong checksum, none, and one that is no number are seen", () => {
  for (const packet of ["$g#68", "$g#xy", "$g#6 ", "$#01"]) {
    assertEquals(events(packet), [{ kind: "damaged" }]);
  }
  assertEquals(events("$g#6"), []);
  assertEquals(events("$g$m0,1#fa"), [{ kind: "packet", text: "m0,1" }]);
  assertEquals(events("$#00"), [{ kind: "packet", text: "" }]);
});

Deno.test("what is longer than a packet may be is not kept, and the next packet is read", () => {
  const long = `X${"a".repeat(packetBytesLimit)}`;
  const sum = Array.from(long).reduce((all, one) => all + one.charCodeAt(0) & 0xff, 0);
  const packet = `$${long}#${sum.toString(16).padStart(2, "0")}`;
  assertEquals(events(packet, "$g#67"), [{ kind: "oversized" }, { kind: "packet", text: "g" }]);
  const most = long.slice(1);
  assertEquals(expanded((events(gdbPacket(most))[0] as { text: string }).text), most);
});

Deno.test("registers are little-endian", () => {
  assertEquals(hexLittleEndian(0x1122334455667788n, 8), "8877665544332211");
  assertEquals(hexLittleEndian(0x11n, 4), "11000000");
});
