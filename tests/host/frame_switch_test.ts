import { assertEquals } from "@std/assert";
import { addressOf } from "../../lib/board/ethernet.ts";
import { announcement } from "../../lib/host/announcement.ts";
import { FrameSwitch, type SwitchPort } from "../../lib/host/frame_switch.ts";

class Port implements SwitchPort {
  #came: string[] = [];

  send(frame: Uint8Array): void {
    this.#came.push(new TextDecoder().decode(frame.subarray(14)));
  }

  /** What has come since the last call. */
  take(): string[] {
    return this.#came.splice(0);
  }
}

const a = "02:00:00:00:00:0a";
const b = "02:00:00:00:00:0b";
const c = "02:00:00:00:00:0c";
const everyone = "ff:ff:ff:ff:ff:ff";

function frame(to: string, from: string, text: string): Uint8Array {
  return Uint8Array.of(
    ...addressOf(to),
    ...addressOf(from),
    8,
    0,
    ...new TextEncoder().encode(text),
  );
}

function stage(count = 3) {
  let now = 0;
  const fabric = new FrameSwitch(() => now);
  const ports = Array.from({ length: count }, () => new Port());
  for (const port of ports) fabric.attach(port);
  return {
    fabric,
    ports,
    pass: (milliseconds: number) => void (now += milliseconds),
    send: (port: number, to: string, from: string, text: string) => {
      fabric.receive(ports[port]!, frame(to, from, text));
      return ports.map((each) => each.take().join());
    },
  };
}

Deno.test("an unknown destination, a group and the broadcast go to all ports but the sender's", () => {
  const { send } = stage();
  assertEquals(send(0, b, a, "who"), ["", "who", "who"]);
  assertEquals(send(1, everyone, b, "all"), ["all", "", "all"]);
  assertEquals(send(2, "33:33:00:00:00:01", c, "six"), ["six", "six", ""]);
});

Deno.test("a destination that was heard of gets its frames alone", () => {
  const { send } = stage();
  send(1, everyone, b, "here");
  assertEquals(send(0, b, a, "you"), ["", "you", ""]);
  assertEquals(send(1, a, b, "me"), ["me", "", ""]);
  // Both behind one port: they have heard each other already.
  send(1, everyone, c, "here, too");
  assertEquals(send(1, c, b, "neighbour"), ["", "", ""]);
});

Deno.test("a station that turns up at another port is found there at once", () => {
  const { send, fabric, ports } = stage();
  send(0, everyone, a, "primary");
  assertEquals(send(2, a, c, "old"), ["old", "", ""]);
  fabric.receive(ports[1]!, announcement(addressOf(a)));
  for (const port of ports) port.take();
  assertEquals(send(2, a, c, "new"), ["", "new", ""]);
});

Deno.test("who is not heard of for five minutes, or whose port is gone, is forgotten", () => {
  const { send, fabric, ports, pass } = stage();
  send(1, everyone, b, "here");
  pass(299_999);
  assertEquals(send(0, b, a, "known"), ["", "known", ""]);
  pass(1);
  assertEquals(send(0, b, a, "aged"), ["", "aged", "aged"]);
  send(1, everyone, b, "again");
  fabric.detach(ports[1]!);
  assertEquals(send(0, b, a, "gone"), ["", "", "gone"]);
  assertEquals(fabric.ports, 2);
});

Deno.test("nothing is learned from a group's address, and such a frame goes nowhere", () => {
  const { send, fabric } = stage();
  assertEquals(send(0, b, "03:00:00:00:00:01", "odd"), ["", "", ""]);
  assertEquals(fabric.addresses, 0);
});

Deno.test("a peer that invents addresses displaces those not heard of for longest", () => {
  const { send, fabric } = stage();
  send(1, everyone, b, "here");
  send(2, everyone, c, "here");
  for (let number = 0; number < 5000; number++) {
    const [high, low] = [number >> 8, number & 255].map((byte) =>
      byte.toString(16).padStart(2, "0")
    );
    send(0, everyone, `06:00:00:00:${high}:${low}`, "");
    if (number % 1000 === 0) send(1, everyone, b, "still here");
  }
  assertEquals(fabric.addresses, 4096);
  assertEquals(send(0, b, a, "kept"), ["", "kept", ""]);
  assertEquals(send(0, c, a, "lost"), ["", "lost", "lost"]);
});
