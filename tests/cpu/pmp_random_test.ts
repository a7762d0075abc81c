/** Random entries and accesses against section 3.7.1 of the privileged specification, byte by byte. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { encode } from "./assembly.ts";
import {
  CODE_ENTRY,
  DATA,
  type Entry,
  fault,
  FOUR_BYTES,
  HANDLER,
  LOCKED,
  MACHINE,
  machineWith,
  napot,
  POWER_OF_TWO,
  R,
  REST,
  SUPERVISOR,
  TOP,
  USER,
  W,
  word,
  X,
} from "./pmp_machine.ts";
import type { TestMachine } from "./test_machine.ts";

/** Section 3.7.1, byte by byte. */
function permits(
  fields: Readonly<Record<string, bigint>>,
  privilege: number,
  address: number,
  bytes: number,
  needed: number,
): boolean {
  for (let entry = 0; entry < 16; entry++) {
    const bits = Number(
      fields[entry < 8 ? "pmpcfg0" : "pmpcfg2"]! >> BigInt(8 * (entry % 8)) & 0xffn,
    );
    const own = fields[`pmpaddr${entry}`]!;
    const below = entry === 0 ? 0n : fields[`pmpaddr${entry - 1}`]!;
    const size = own.toString(2).padStart(64, "0").match(/1*$/)![0].length + 1;
    const matches = (byte: bigint) => {
      const at = byte >> 2n;
      if ((bits & 0x18) === TOP) return at >= below && at < own;
      if ((bits & 0x18) === FOUR_BYTES) return at === own;
      return (bits & 0x18) === POWER_OF_TWO && at >> BigInt(size) === own >> BigInt(size);
    };
    const matched = Array.from({ length: bytes }, (_, n) => matches(BigInt(address + n)));
    if (!matched.includes(true)) continue;
    if (matched.includes(false)) return false;
    return privilege === MACHINE && (bits & LOCKED) === 0 || (bits & needed) !== 0;
  }
  return privilege === MACHINE;
}

/** Addresses near each other and near the edge between two pages. */
const near = fc.integer({ min: DATA + 0xfe0, max: DATA + 0x101f });
const permissions = fc.constantFrom(0, R, R | W, X, R | X, R | W | X);
const entry = (lockable: boolean): fc.Arbitrary<Entry> =>
  fc.record({
    bits: permissions,
    mode: fc.constantFrom(0, TOP, FOUR_BYTES, POWER_OF_TWO),
    lock: lockable ? fc.constantFrom(0, LOCKED) : fc.constant(0),
    at: near,
    size: fc.constantFrom(8, 16, 32, 0x1000),
  }).map(({ bits, mode, lock, at, size }): Entry => [
    bits | mode | lock,
    mode === POWER_OF_TWO ? napot(at - at % size, size) : word(at),
  ]);

const accessKinds = [
  { name: "lb", bytes: 1, needed: R, cause: 5n },
  { name: "lw", bytes: 4, needed: R, cause: 5n },
  { name: "ld", bytes: 8, needed: R, cause: 5n },
  { name: "sb", bytes: 1, needed: W, cause: 7n },
  { name: "sw", bytes: 4, needed: W, cause: 7n },
  { name: "sd", bytes: 8, needed: W, cause: 7n },
] as const;
const FIRST_ADDRESS_REGISTER = 6;
const ADDRESS_REGISTERS = 26;

/** A handler that goes on behind the instruction, or half an instruction, that has trapped; x1 is its own. */
const skip = (bytes: number) => [
  encode("csrrs", { rd: 1, csr: 0x341 }),
  encode("addi", { rd: 1, rs1: 1, imm: bytes }),
  encode("csrrw", { csr: 0x341, rs1: 1 }),
  encode("mret"),
];

/** Runs a copy of the machine in one go and one that forgets its caches at each step; they must agree. */
function sameInEveryWay(make: () => TestMachine, steps: number): void {
  const [warm, cold] = [make(), make()];
  assertEquals(warm.hart.run(steps), steps);
  for (let step = 0; step < steps; step++) {
    cold.hart.run(1);
    cold.hart.dropCaches();
  }
  assertEquals(cold.digest(), warm.digest());
}

Deno.test("any loads and stores fault where the entries say, with caches warm and cold", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(USER, SUPERVISOR, MACHINE),
      fc.array(entry(true), { maxLength: 6 }),
      fc.array(near, { minLength: ADDRESS_REGISTERS, maxLength: ADDRESS_REGISTERS }),
      fc.array(
        fc.record({
          kind: fc.constantFrom(...accessKinds),
          register: fc.integer({ min: 0, max: ADDRESS_REGISTERS - 1 }),
        }),
        { minLength: 10, maxLength: 40 },
      ),
      (privilege, entries, addresses, accesses) => {
        const words = accesses.map(({ kind, register }) =>
          encode(kind.name, { rs1: register + FIRST_ADDRESS_REGISTER })
        );
        const all = [CODE_ENTRY, [POWER_OF_TWO | X, napot(HANDLER, 0x1000)] as const, ...entries];
        const make = () => {
          const machine = machineWith(privilege, [...all, REST], ...words);
          machine.load(HANDLER, ...skip(4));
          machine.set(Object.fromEntries(
            addresses.map((address, index) => [`x${index + FIRST_ADDRESS_REGISTER}`, address]),
          ));
          machine.hart.startEpoch();
          return machine;
        };
        const machine = make();
        const { fields } = machine.hart.save();
        for (const { kind, register } of accesses) {
          const address = addresses[register]!;
          const edge = DATA + 0x1000;
          const split = address < edge && address + kind.bytes > edge ? edge - address : kind.bytes;
          const parts: [number, number][] = [[address, split]];
          if (split < kind.bytes) parts.push([edge, kind.bytes - split]);
          const wrong = parts.find(([at, bytes]) =>
            !permits(fields, privilege, at, bytes, kind.needed)
          );
          const expected = wrong === undefined ? undefined : [kind.cause, BigInt(wrong[0])];
          assertEquals(fault(machine), expected as [bigint, bigint] | undefined);
          if (wrong !== undefined) machine.hart.run(4);
        }
        sameInEveryWay(make, machine.hart.steps);
      },
    ),
    { numRuns: 150 },
  );
});

Deno.test("any code is executed where the entries say, with caches warm and cold", () => {
  const steps = 60;
  fc.assert(
    fc.property(
      fc.constantFrom(USER, MACHINE),
      fc.array(entry(true), { maxLength: 6 }),
      fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
      fc.integer({ min: 0, max: 15 }),
      (privilege, entries, lengths, start) => {
        const pc = DATA + 0xfe0 + 2 * start;
        const code = lengths.flatMap((long) => {
          const bits = encode("addi", { rd: 5, rs1: 5, imm: 1 });
          return long ? [bits & 0xffff, bits >>> 16] : [0x0289]; // c.addi x5, 2
        });
        const make = () => {
          const handler: Entry = [POWER_OF_TWO | X, napot(HANDLER, 0x1000)];
          const machine = machineWith(privilege, [handler, ...entries, REST]);
          machine.load(HANDLER, ...skip(2));
          machine.memory.write(pc, new Uint8Array(new Uint16Array(code).buffer));
          machine.set({ pc });
          machine.hart.startEpoch();
          return machine;
        };
        const machine = make();
        for (let step = 0; step < steps; step++) {
          const { fields } = machine.hart.save();
          const at = Number(fields.pc);
          if (at >= HANDLER && at < HANDLER + 0x1000) {
            machine.hart.run(1);
            continue;
          }
          const half = machine.memory.read(at, 1)[0]!;
          const halves = (half & 3) === 3 ? [at, at + 2] : [at];
          const wrong = halves.find((address) => !permits(fields, privilege, address, 2, X));
          const trapped = fault(machine);
          const own = wrong === undefined ? undefined : [1n, BigInt(wrong)];
          if (trapped?.[0] !== 2n) assertEquals(trapped, own as [bigint, bigint] | undefined);
        }
        sameInEveryWay(make, steps);
      },
    ),
    { numRuns: 150 },
  );
});
