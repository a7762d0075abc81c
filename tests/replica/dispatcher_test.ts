/** Output commit of network frames; that of disks and consoles is seen in the scenarios on the stage. */
import { assert, assertEquals } from "@std/assert";
import { BootImage } from "../../lib/board/boot_image.ts";
import { Machine } from "../../lib/board/machine.ts";
import { Arrivals, type DeviceBacks } from "../../lib/epoch/host.ts";
import { Dispatcher } from "../../lib/replica/dispatcher.ts";
import { fixture } from "../guests/fixture.ts";

function stage() {
  const configuration = { ramBytes: 2 ** 21, disks: [], bills: false };
  const image = BootImage.load(Deno.readFileSync(fixture("hello")), configuration);
  const sent: number[] = [];
  const backs: DeviceBacks = {
    perform: () => Promise.resolve({ status: "done" }),
    writeConsole: () => Promise.resolve(),
    consolePerformed: 0,
    consoleRoom: () => undefined,
    sendFrame: (frame) => void sent.push(frame[0]!),
  };
  const dispatched: number[] = [];
  const dispatcher = new Dispatcher(
    Machine.powerOn(configuration, image),
    backs,
    new Arrivals(),
    (epoch) => dispatched.push(epoch),
  );
  const nothing = new Uint8Array(0);
  return {
    ...{ dispatcher, dispatched, sent },
    submit: (epoch: number, ...frames: Uint8Array[]) =>
      dispatcher.submit(epoch, [], 0, nothing, frames),
  };
}

const frame = (name: number) => new Uint8Array(1514).fill(name);

Deno.test("a frame leaves when the epoch that sent it is committed, not earlier, and in its order", () => {
  const { dispatcher, dispatched, sent, submit } = stage();
  submit(1, frame(1), frame(2));
  submit(2);
  submit(3, frame(3));
  assertEquals([sent, dispatcher.counts.held], [[], 2]);
  dispatcher.release(2);
  assertEquals([sent, dispatched], [[1, 2], [1]]);
  dispatcher.release(3);
  submit(3, frame(4));
  assertEquals([sent, dispatched], [[1, 2, 3, 4], [1, 3, 3]]);
});

Deno.test("frames that wait for a member which says nothing are bounded: the later ones are dropped", () => {
  const { dispatcher, sent, submit } = stage();
  for (let epoch = 1; epoch <= 5000; epoch++) submit(epoch, frame(epoch));
  assert(dispatcher.counts.held < 1500);
  dispatcher.release(5000);
  assertEquals(sent.length, Math.floor(2 ** 21 / 1514));
  submit(5001, frame(7));
  dispatcher.release(5001);
  assertEquals(sent.at(-1), 7);
});

Deno.test("a machine that is handed over sends nothing more", () => {
  const { dispatcher, sent, submit } = stage();
  submit(1, frame(1));
  dispatcher.close();
  dispatcher.release(1);
  submit(2, frame(2));
  dispatcher.release(2);
  assertEquals(sent, []);
});
