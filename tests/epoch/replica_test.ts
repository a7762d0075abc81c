/** A replica that is made to differ stops at that epoch (design invariant 8). */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { StateError } from "../../lib/board/errors.ts";
import type { Machine } from "../../lib/board/machine.ts";
import type { MachineState } from "../../lib/board/machine_state.ts";
import { HartStateError } from "../../lib/cpu/hart.ts";
import { endEpoch } from "../../lib/epoch/boundary.ts";
import { DivergenceError } from "../../lib/epoch/divergence.ts";
import type { EpochRecord, LogRecord } from "../../lib/epoch/record.ts";
import { Replica } from "../../lib/epoch/replica.ts";
import { freshOptions, guestCases } from "../replay/guest_cases.ts";
import { enter, epochsOf, recordsOf } from "../replay/log_editing.ts";
import { recordGuest } from "../replay/recording.ts";
import {
  assemble,
  type Parts,
  partsOf,
  withConsoleTail,
  withOperations,
} from "./altered_machine.ts";

const burst = guestCases["teller in a burst"]!;
const { log } = await recordGuest(
  burst.guest,
  freshOptions(burst, { bootArguments: "burst transfers=200" }),
);
const records: readonly LogRecord[] = recordsOf(log);
const epochs: readonly EpochRecord[] = epochsOf(log);

/** The record of an epoch. */
const recordOf = (epoch: number) => epochs[epoch - 1]!;

/** The replica after the first epoch that `wanted` likes, given the record of the next one. */
function replicaWhere(wanted: (next: EpochRecord, machine: Machine) => boolean): Replica {
  const replica = enter(records);
  for (const record of epochs) {
    if (replica.epoch > 0 && wanted(record, replica.machine)) return replica;
    replica.execute(record);
  }
  throw new Error("There is no such epoch in the log");
}

/** A replica that goes on from `parts` in the place of another. */
function replicaOf(original: Replica, parts: Parts): Replica {
  return new Replica(assemble(original.machine, parts), original.epoch, original.time);
}

function assertDiverges(
  replica: Replica,
  what: string,
  record = recordOf(replica.epoch + 1),
): DivergenceError {
  const { epoch } = record;
  const error = assertThrows(
    () => replica.execute(record),
    DivergenceError,
    `epoch ${epoch} `,
    what,
  );
  assertEquals(error.epoch, epoch, what);
  assertEquals(error.step, replica.machine.steps);
  return error;
}

/** A machine with much going on: operations are outstanding, console output is in flight. */
const busy = replicaWhere((_next, machine) =>
  machine.consolePosition - machine.consolePerformed > 3 &&
  [...machine.outstanding.values()].some(({ request }) => request.kind === "disk-write") &&
  machine.outstanding.size > 1
);

/** The record of an epoch in which nothing happens, so that nothing is overwritten. */
const quiet: EpochRecord = (() => {
  const copy = replicaOf(busy, partsOf(busy.machine));
  copy.machine.startEpoch(copy.time);
  const inputs = {
    completions: [],
    consoleInput: new Uint8Array(0),
    consolePerformed: copy.machine.consolePerformed,
    frames: [],
    time: { base: copy.machine.time + 1, rate: copy.time.rate },
  };
  const digest = endEpoch(copy.machine, inputs, false);
  return { kind: "epoch", epoch: copy.epoch + 1, steps: 0, reads: [], ...inputs, digest };
})();

Deno.test("a copy of the machine goes on as the machine itself", () => {
  const copy = replicaOf(busy, partsOf(busy.machine));
  for (const record of epochs.slice(copy.epoch)) copy.execute(record);
  assertEquals(copy.epoch, epochs.length);
  assertEquals(copy.machine.power.kind, "off");
});

/** Values of the machine's state that an epoch sets anew, whatever they were before. */
const setAnew: Readonly<Record<string, string>> = {
  "devices.clock.base": "the epoch's time base comes from the record before it",
  "devices.clock.rate": "the epoch's time base comes from the record before it",
  "devices.clock.start": "the epoch starts at the present step",
  "devices.timer.pending": "the comparator is evaluated at the end of every epoch",
};

/** Every single value of a machine's state, by its path. */
function valuePaths(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return [path];
  return Object.entries(value).flatMap(([key, child]) => valuePaths(child, [...path, key]));
}

/** Another value of the same kind, numbers by one less. */
function changed(value: unknown): unknown {
  switch (typeof value) {
    case "bigint":
      return value ^ 1n;
    case "number":
      return value === 0 ? 1 : value - 1;
    case "boolean":
      return !value;
    default:
      if (value instanceof Uint8Array) return Uint8Array.of(...value, 7);
      return `${value}.`;
  }
}

function withValue(state: MachineState, path: readonly string[]): MachineState {
  const root = structuredClone(state) as unknown as Record<string, unknown>;
  let node = root;
  for (const key of path.slice(0, -1)) node = node[key] as Record<string, unknown>;
  const key = path.at(-1)!;
  node[key] = changed(node[key]);
  return root as unknown as MachineState;
}

Deno.test("a replica that differs in any one value of its state is refused or stops at the next epoch", () => {
  const parts = partsOf(busy.machine);
  const invisible: string[] = [];
  const tally = { refused: 0, diverged: 0 };
  for (const path of valuePaths(parts.state)) {
    const name = path.join(".");
    let replica: Replica;
    try {
      replica = replicaOf(busy, { ...parts, state: withValue(parts.state, path) });
    } catch (error) {
      assert(error instanceof StateError || error instanceof HartStateError, `${name}: ${error}`);
      tally.refused++;
      continue;
    }
    if (name in setAnew) {
      replica.execute(quiet);
      invisible.push(name);
    } else {
      assertDiverges(replica, name, quiet);
      tally.diverged++;
    }
  }
  assertEquals(invisible.toSorted(), Object.keys(setAnew).toSorted());
  assert(tally.diverged > 150 && tally.refused > 20, JSON.stringify(tally));
});

Deno.test("a replica whose outstanding operation differs stops at the next epoch", () => {
  const parts = partsOf(busy.machine);
  let differing = 0;
  parts.operations.forEach((operation, index) => {
    const { number, request } = operation;
    const others = request.kind === "disk-write"
      ? [
        { ...request, sector: request.sector + 1 },
        { ...request, data: request.data.map((byte, at) => at === 100 ? byte ^ 1 : byte) },
      ]
      : request.kind === "disk-read"
      ? [{ ...request, sector: request.sector + 1 }]
      : request.kind === "bill-append"
      ? [{ ...request, offset: request.offset + 1 }]
      : [];
    for (const other of others) {
      const operations = parts.operations.with(index, { number, request: other });
      const state = withOperations(parts.state, operations);
      assertDiverges(replicaOf(busy, { ...parts, state, operations }), request.kind, quiet);
      differing++;
    }
  });
  assert(differing >= 2);
  const same = withOperations(parts.state, parts.operations);
  replicaOf(busy, { ...parts, state: same }).execute(quiet);
});

Deno.test("a replica whose console tail differs stops at the next epoch", () => {
  const parts = partsOf(busy.machine);
  const tail = parts.state.consoleTail;
  const kept = tail.length;
  assert(kept > 0);
  for (const fromEnd of new Set([1, 2, Math.ceil(kept / 2), kept])) {
    const other = tail.slice();
    other[tail.length - fromEnd]! ^= 1;
    assertDiverges(
      replicaOf(busy, { ...parts, state: withConsoleTail(parts.state, other) }),
      `${fromEnd} bytes before the end`,
      quiet,
    );
  }
  const same = withConsoleTail(parts.state, tail);
  replicaOf(busy, { ...parts, state: same }).execute(quiet);
});

/** A replica with one bit of RAM changed. */
function withBit(original: Replica, offset: number): Replica {
  const parts = partsOf(original.machine);
  parts.ram[offset]! ^= 1;
  return replicaOf(original, parts);
}

Deno.test("a replica with a wrong bit in a page stops at the first epoch that writes the page", () => {
  const running = replicaWhere((next) => next.steps > 10_000 && next.reads.length === 0);
  const witness = replicaOf(running, partsOf(running.machine));
  witness.execute(recordOf(witness.epoch + 1));
  const written = witness.machine.memory.writtenPages();
  assert(written.length > 3);
  // The first bytes of a page may be overwritten; the epoch can leave no bit of all of them as it was.
  for (const page of written) {
    const before = running.machine.memory.ram.subarray(page * 4096, page * 4096 + 4096);
    const after = witness.machine.memory.ram.subarray(page * 4096, page * 4096 + 4096);
    const untouched = before.findLastIndex((byte, at) => byte === after[at]);
    const error = assertDiverges(withBit(running, page * 4096 + untouched), `page ${page}`);
    assertEquals(error.epoch, running.epoch + 1);
  }
});

Deno.test("a wrong bit where nobody looks is found by the next digest of all RAM", () => {
  const replica = withBit(busy, busy.machine.memory.ramBytes - 1);
  const digested = epochs.find(({ epoch, digest }) =>
    epoch > replica.epoch && digest.ram !== undefined
  )!;
  const error = assertThrows(() => {
    for (const record of epochs.slice(replica.epoch)) replica.execute(record);
  }, DivergenceError);
  assertEquals(error.epoch, digested.epoch);
  assertStringIncludes(error.message, "RAM digest");
});

Deno.test("a replica whose time is ahead of its record's stops at that epoch", () => {
  const parts = partsOf(busy.machine);
  const { devices } = parts.state;
  const clock = { ...devices["clock"]!, base: busy.time.base + 1 };
  const state = { ...parts.state, devices: { ...devices, clock } };
  assertDiverges(replicaOf(busy, { ...parts, state }), "time base");
});

Deno.test("nothing is heard of the epoch in which a replica diverges", () => {
  const next = epochs.findIndex(({ completions }) => completions.length > 0);
  for (
    const [what, altered] of Object.entries({ digest: recordOf(1), completions: epochs[next]! })
  ) {
    const from = enter(records);
    let heard = 0;
    const replica = new Replica(from.machine, from.epoch, from.time, {
      performed: () => void heard++,
      console: () => void heard++,
    });
    for (const record of epochs.slice(0, altered.epoch - 1)) replica.execute(record);
    const before = heard;
    const digest = { ...altered.digest, state: altered.digest.state ^ 1n };
    assertThrows(() => replica.execute({ ...altered, digest }), DivergenceError, "state digest");
    assertEquals(heard, before, what);
  }
});

Deno.test("a diverged replica does not go on", () => {
  const parts = partsOf(busy.machine);
  const replica = replicaOf(busy, {
    ...parts,
    state: withValue(parts.state, ["hart", "registers", "7"]),
  });
  assertDiverges(replica, "x8", quiet);
  assertEquals(replica.epoch, busy.epoch);
  assertThrows(() => replica.begin(quiet), Error, "has not been finished");
});

Deno.test("a replica takes epochs in their order only", () => {
  const replica = enter(records);
  assertThrows(() => replica.advance(1), Error, "No epoch has been begun");
  for (const epoch of [2, 5]) {
    const error = assertThrows(() => replica.begin(recordOf(epoch)), DivergenceError);
    assertEquals(error.epoch, epoch);
  }
  replica.execute(recordOf(1));
  assertThrows(() => replica.begin(recordOf(1)), DivergenceError);
  replica.execute(recordOf(2));
});

Deno.test("a replica tells of each operation that was performed, once, and of all console output", () => {
  const performed: number[] = [];
  const parts: Uint8Array[] = [];
  const from = enter(records);
  const replica = new Replica(from.machine, from.epoch, from.time, {
    performed: ({ number }) => void performed.push(number),
    console: (bytes) => void parts.push(bytes),
  });
  for (const record of epochs) replica.execute(record);
  const completed = epochs.flatMap(({ completions }) =>
    completions.map(({ operation }) => operation)
  );
  assertEquals(performed, completed);
  assertEquals(performed.toSorted((a, b) => a - b), completed.map((_, index) => index));
  assertEquals(
    parts.reduce((sum, bytes) => sum + bytes.length, 0),
    replica.machine.consolePosition,
  );
});

Deno.test("a file of a series may end as continued with the epoch in which the guest powers off", () => {
  const replica = enter(records);
  for (const record of epochs) replica.execute(record);
  assertEquals(replica.machine.power.kind, "off");
  replica.conclude({ kind: "end", reason: "continued" });
  assertThrows(() => replica.conclude({ kind: "end", reason: "detach" }), DivergenceError);
});
