/** Zicntr and the machine-level counters (privileged specification, sections 3.1.10 to 3.1.12). */
import { constant, type Csr, type CsrSources, stored } from "./csr.ts";
import { legal } from "./hart_block.ts";
import { PRIVILEGE } from "./privilege.ts";

const TIME = 1;
const FIRST_EVENT_COUNTER = 3;
const COUNTERS = 32;

/** The counters that count, with their bit in mcountinhibit. Both count retired instructions. */
const counting = [
  { name: "mcycle", user: "cycle", bit: 0 },
  { name: "minstret", user: "instret", bit: 2 },
] as const;
type Counting = (typeof counting)[number];

function inhibited({ block }: CsrSources, bit: number): boolean {
  return (block.low("mcountinhibit") >> bit & 1) !== 0;
}

function count(of: CsrSources, { name, bit }: Counting): bigint {
  const base = of.block.get(name);
  return inhibited(of, bit) ? base : BigInt.asUintN(64, base + BigInt(of.budget.retired));
}

/** Makes a counter have this value when the next instruction reads it. */
function setCount(of: CsrSources, { name, bit }: Counting, value: bigint): void {
  const counted = inhibited(of, bit) ? 0n : BigInt(of.budget.retired + 1);
  of.block.set(name, BigInt.asUintN(64, value - counted));
}

/** Whether the privilege levels above let this one read a counter. */
function enabled({ block, modes }: CsrSources, counter: number): boolean {
  const bit = 1 << counter;
  if (modes.privilege === PRIVILEGE.machine) return true;
  if ((block.low("mcounteren") & bit) === 0) return false;
  return modes.privilege === PRIVILEGE.supervisor || (block.low("scounteren") & bit) !== 0;
}

const eventCounters = Array.from(
  { length: COUNTERS - FIRST_EVENT_COUNTER },
  (_, index) => index + FIRST_EVENT_COUNTER,
);

/** Counters. */
export const counterCsrs: readonly Csr[] = [
  {
    ...stored(0x320, "mcountinhibit"),
    write: (of, value) => {
      const values = counting.map((counter) => count(of, counter));
      of.block.set("mcountinhibit", value & legal("mcountinhibit"));
      counting.forEach((counter, index) => setCount(of, counter, values[index]!));
    },
  },
  ...counting.map((counter): Csr => ({
    number: 0xb00 + counter.bit,
    name: counter.name,
    read: (of) => count(of, counter),
    write: (of, value) => setCount(of, counter, value),
  })),
  ...counting.map((counter): Csr => ({
    number: 0xc00 + counter.bit,
    name: counter.user,
    read: (of) => count(of, counter),
    permitted: (of) => enabled(of, counter.bit),
  })),
  {
    number: 0xc00 + TIME,
    name: "time",
    read: ({ bus }) => BigInt.asUintN(64, bus.time()),
    permitted: (of) => enabled(of, TIME),
  },
  ...eventCounters.map((n) => constant(0xb00 + n, `mhpmcounter${n}`, 0n)),
  ...eventCounters.map((n) => constant(0x320 + n, `mhpmevent${n}`, 0n)),
  ...eventCounters.map((n): Csr => ({
    ...constant(0xc00 + n, `hpmcounter${n}`, 0n),
    permitted: (of) => enabled(of, n),
  })),
];
