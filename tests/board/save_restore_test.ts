import { assert, assertEquals, assertThrows } from "@std/assert";
import { decode, Encoder } from "cbor-x";
import fc from "fast-check";
import { BootImage } from "../../lib/board/boot_image.ts";
import type { MachineConfiguration } from "../../lib/board/configuration.ts";
import type { Inputs } from "../../lib/board/environment.ts";
import { StateError } from "../../lib/board/errors.ts";
import { Machine } from "../../lib/board/machine.ts";
import type { Completion } from "../../lib/board/operation.ts";
import { HartStateError } from "../../lib/cpu/hart.ts";
import { GuestMemory } from "../../lib/cpu/memory.ts";
import { GuestScript, payBill, sendCommand, startDevice } from "./guest_script.ts";
import { read10, write10 } from "./scsi_driver.ts";

const configuration: MachineConfiguration = {
  ramBytes: 2 ** 22,
  disks: [{ id: "disk", sectors: 4096 }],
  bills: true,
};

const uart = 0x1000_0000;
const rate = 2 ** 20;
const encoder = new Encoder({ useRecords: false });

/** A guest that has every device in the middle of something. */
function busyGuest(): Machine {
  const script = new GuestScript();
  script.store(uart + 2, 1, 1).store(uart + 1, 3, 1).store(uart + 7, 0x77, 1);
  script.store(0xc00_0028, 1).store(0xc00_0004, 3).store(0xc00_2000, 0x406);
  script.csrSet(0x304, 0x880).store(0x200_4000, 5000n, 8);
  script.store(0x10_100c, 0).store(0x10_1008, 3_000_000).store(0x10_1010, 1);
  startDevice(script, 0, 3);
  startDevice(script, 1, 2);
  for (const byte of new TextEncoder().encode("console")) script.store(uart, byte, 1);
  sendCommand(script, 0, [0, 0, 0, 0, 0, 0]);
  sendCommand(script, 1, read10(9, 1), { inBytes: 512 });
  sendCommand(script, 2, write10(3, 1, 8), { out: new Uint8Array(512).fill(5) });
  payBill(script, 0, Uint8Array.of(1, 2, 3));
  payBill(script, 1, Uint8Array.of(4, 5));
  script.load(0xc20_0004).load(uart, 1).load(uart + 2, 1).load(0x1000_1060).load(0x200_bff8, 8);
  script.store(0xc20_0004, 10).load(0x10_1018).load(0x1000_2070).store(0x1000_1070, 0);
  script.load(0x1000_1070).load(0x10_1000).store(0x10_0000, 0x3333 + 9 * 65536);
  return connect(Machine.powerOn(configuration, script.image(configuration)));
}

/** Every machine of a test sees the same clock: it tells how often it was asked in the epoch. */
function connect(machine: Machine): Machine {
  machine.environment = { read: () => 1000n + BigInt(machine.steps) };
  return machine;
}

/** The machine that a snapshot of this one gives, through CBOR. */
function copyOf(machine: Machine): Machine {
  const state = decode(encoder.encode(machine.save()));
  const operations = [...machine.outstanding.values()].map((operation) =>
    decode(encoder.encode(operation))
  );
  const image = BootImage.fromPages(machine.image.pages(), state.boot, configuration);
  const memory = new GuestMemory(configuration.ramBytes);
  memory.write(GuestMemory.ramBase, machine.memory.ram.slice());
  return connect(Machine.restore({ configuration, image, state, operations, memory }));
}

function assertSame(copy: Machine, machine: Machine): void {
  assertEquals(copy.save(), machine.save());
  assertEquals(copy.snapshotDigest(), machine.snapshotDigest());
  assertEquals([...copy.outstanding], [...machine.outstanding]);
  assertEquals(copy.time, machine.time);
  assertEquals(copy.timerDueTicks, machine.timerDueTicks);
  assertEquals(copy.stepsToTimer, machine.stepsToTimer);
  assertEquals(copy.waiting, machine.waiting);
  assertEquals(copy.power, machine.power);
  assertEquals(copy.consoleInputRoom, machine.consoleInputRoom);
  assertEquals(copy.unperformedConsole(), machine.unperformedConsole());
}

/** What an outside might answer, decided by a number. */
function answer(machine: Machine, choice: number): Inputs {
  const completions: Completion[] = [];
  for (const { number, request } of machine.outstanding.values()) {
    if ((choice >> (number % 5) & 1) === 0) continue;
    const reads = request.kind === "disk-read";
    const uncertain = (choice & 32) !== 0 && request.kind !== "bill-append";
    completions.push({
      operation: number,
      status: uncertain ? "uncertain" : "done",
      blocks: reads && !uncertain
        ? machine.dmaBlocks(number, new Uint8Array(512).fill(choice))
        : [],
    });
  }
  const unperformed = machine.consolePosition - machine.consolePerformed;
  return {
    completions,
    consoleInput: new Uint8Array(choice % 23).fill(choice),
    consolePerformed: machine.consolePerformed + choice % (unperformed + 1),
    frames: [],
    time: { base: machine.time + choice, rate: rate + choice },
  };
}

Deno.test("a machine restored at any epoch's end goes on as the one that was saved", () => {
  let outstanding = 0;
  let held = 0;
  fc.assert(
    fc.property(
      fc.array(fc.record({ steps: fc.integer({ min: 20, max: 120 }), choice: fc.nat(63) }), {
        minLength: 15,
        maxLength: 20,
      }),
      (epochs) => {
        const machine = busyGuest();
        machine.startEpoch({ base: 0, rate });
        let copy: Machine | undefined;
        for (const { steps, choice } of epochs) {
          for (const each of copy === undefined ? [machine] : [machine, copy]) {
            for (let left = steps; left > 0;) {
              const taken = each.run(left);
              if (taken === 0) break;
              left -= taken;
            }
          }
          const given = answer(machine, choice);
          const digests = (copy === undefined ? [machine] : [machine, copy]).map((each) => {
            each.deliver(given);
            return each.digest();
          });
          assertEquals(digests.at(-1), digests[0]);
          if (copy !== undefined) assertSame(copy, machine);
          outstanding += machine.outstanding.size;
          held += machine.waiting ? 1 : 0;
          copy = copyOf(machine);
          assertSame(copy, machine);
          machine.startEpoch(given.time);
          copy.startEpoch(given.time);
        }
      },
    ),
    { seed: 17, numRuns: 12, verbose: true },
  );
  assert(outstanding > 30 && held > 20, `Not busy: ${outstanding} outstanding, ${held} held`);
});

/** A machine with as much going on as there can be, at an epoch's end. */
function busyMachine(): Machine {
  const machine = busyGuest();
  machine.startEpoch({ base: 0, rate });
  while (!machine.waiting) machine.run(100_000);
  const given = answer(machine, 22);
  machine.deliver({ ...given, completions: [], consolePerformed: 3 });
  machine.startEpoch(given.time);
  assert(machine.outstanding.size >= 2);
  assert(machine.unperformedConsole().length > 0);
  assert(machine.save().consoleInput.length > 0);
  return machine;
}

function restored(machine: Machine, state: unknown, operations: readonly unknown[]): Machine {
  const memory = new GuestMemory(configuration.ramBytes);
  const { image } = machine;
  return connect(Machine.restore({ configuration, image, state, operations, memory }));
}

Deno.test("a digest tells every field, every outstanding operation and the console apart", () => {
  const machine = busyMachine();
  const state = machine.save();
  const operations = [...machine.outstanding.values()];
  const digests = new Set([restored(machine, state, operations).snapshotDigest()]);
  let variants = 1;
  for (const [device, fields] of Object.entries(state.devices)) {
    for (const [name, value] of Object.entries(fields)) {
      if (typeof value === "object") continue;
      const other = typeof value === "bigint" ? value ^ 1n : value === 0 ? 1 : value - 1;
      const changed = {
        ...state,
        devices: { ...state.devices, [device]: { ...fields, [name]: other } },
      };
      try {
        digests.add(restored(machine, changed, operations).snapshotDigest());
        variants++;
      } catch (error) {
        assert(error instanceof StateError, `${device}.${name}: ${error}`);
      }
    }
  }
  assert(variants > 60, `Only ${variants} variants`);
  assertEquals(digests.size, variants);
});

Deno.test("what is outside the device fields cannot be changed without its digest", () => {
  const machine = busyMachine();
  const state = machine.save();
  const operations = [...machine.outstanding.values()];
  const refuse = (change: Record<string, unknown>, given: readonly unknown[] = operations) =>
    assertThrows(() => restored(machine, { ...state, ...change }, given), StateError);
  const [first, ...others] = state.outstanding;
  refuse({}, operations.slice(1));
  refuse({}, operations.toReversed());
  refuse({}, [...operations, operations[0]]);
  refuse({ outstanding: others });
  refuse({ outstanding: [{ ...first, head: first!.head + 1 }, ...others] });
  refuse({ outstanding: [{ ...first, fate: "aborted" }, ...others] });
  refuse({ outstanding: [{ ...first, slot: 1 }, ...others] });
  refuse({ outstanding: [{ ...first, response: [] }, ...others] });
  refuse({ outstanding: [{ ...first, data: [{ address: 0, length: 512 }] }, ...others] });
  refuse({}, operations.map((each) => ({ ...each, request: { kind: "format" } })));
  refuse(
    {},
    operations.map((each) =>
      each.request.kind === "bill-append"
        ? { ...each, request: { ...each.request, data: Uint8Array.of(9, 9, 9) } }
        : each
    ),
  );
  refuse({ consoleTail: state.consoleTail.map((byte) => byte + 1) });
  refuse({ consoleInput: state.consoleInput.map((byte) => byte + 1) });
  refuse({ consoleInput: new Uint8Array(0) });
  refuse({ taskManagement: [{ head: 0, response: [], operations: [0] }] });
  refuse({ boot: { ...state.boot, entry: 0 } });
  refuse({ boot: undefined });
  restored(machine, state, operations);
});

Deno.test("a damaged state ends in a typed error or in a machine, never in anything else", () => {
  const machine = busyMachine();
  const state = machine.save();
  const operations = [...machine.outstanding.values()];
  const paths: (readonly (string | number)[])[] = [];
  const collect = (value: unknown, path: readonly (string | number)[]) => {
    paths.push(path);
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) return;
    for (const [key, child] of Object.entries(value)) collect(child, [...path, key]);
  };
  collect({ state, operations }, []);
  const garbage = fc.oneof(
    fc.constantFrom<unknown>(undefined, null, true, "x", [], {}, -1, 2 ** 53, 1n << 64n, NaN),
    fc.nat(300),
    fc.nat(),
    fc.bigInt(0n, (1n << 64n) - 1n),
    fc.uint8Array({ maxLength: 8 }),
  );
  let machines = 0;
  fc.assert(
    fc.property(fc.nat(paths.length - 1), garbage, (which, value) => {
      const root: Record<string, unknown> = structuredClone({ state, operations });
      const path = paths[which]!;
      let node = root as Record<string | number, unknown>;
      for (const key of path.slice(0, -1)) node = node[key] as typeof node;
      if (path.length === 0) return;
      node[path.at(-1)!] = value;
      if (!Array.isArray(root["operations"])) return;
      try {
        const other = restored(machine, root["state"], root["operations"]);
        other.startEpoch({ base: other.time, rate });
        other.run(1000);
        other.deliver({ ...answer(other, 0), consoleInput: new Uint8Array(0) });
        other.digest();
        machines++;
      } catch (error) {
        assert(
          error instanceof StateError || error instanceof HartStateError,
          `${path.join(".")} = ${String(value)}: ${error instanceof Error ? error.stack : error}`,
        );
      }
    }),
    { seed: 23, numRuns: 600, verbose: true },
  );
  assert(machines > 20, `Only ${machines} machines`);
});
