/**
 * Random guests that make trouble: functions with loops in several pages and address spaces, run in all three modes,
 * with every instruction there is. Whenever they trap, the handler goes on to its next deed: it remaps a page, switches
 * the address space, changes what is protected or how floating point rounds, or rewrites code; and then goes on
 * somewhere, in some mode.
 */
import { Seeded } from "../../epoch/seeded.ts";
import { encode } from "../assembly.ts";
import { RAM, type TestMachine } from "../test_machine.ts";
import { Choices } from "./random_choices.ts";
import { deed } from "./random_deeds.ts";
import { RandomFunctions } from "./random_functions.ts";
import {
  ALL,
  ANYHOW_PAGES,
  BASES,
  CSR,
  DATA,
  DATA_PAGES,
  deedAt,
  DEEDS,
  entry,
  FUNCTION_COUNT,
  FUNCTIONS,
  H,
  HANDLER,
  PAGE,
  pageTable,
  RAM_PAGES,
  satp,
  SPACES,
  STATUS,
  SUPERVISOR_HANDLER,
  table,
  TIMER,
  U,
  V,
  VALUES,
} from "./random_guest_layout.ts";

/** Puts the guest of a seed into a machine, which is then ready to run. */
export function loadRandomGuest(machine: TestMachine, seed: number): void {
  const choices = new Choices(seed);
  const functions = new RandomFunctions(choices);
  for (let n = 0; n < FUNCTION_COUNT; n++) {
    const halves = functions.code(n);
    machine.memory.write(entry(n), new Uint8Array(new Uint16Array(halves).buffer));
  }
  machine.load(
    HANDLER,
    encode("csrrs", { rd: H[0], csr: CSR.mscratch }),
    encode("jalr", { rs1: H[0] }),
  );
  for (let n = 0; n < DEEDS; n++) machine.load(deedAt(n), ...deed(n, choices, functions));
  machine.load(SUPERVISOR_HANDLER, encode("csrrci", { csr: CSR.sip, imm: 2 }), encode("sret"));
  for (const space of SPACES) loadTables(machine, space, choices);
  for (let at = DATA; at < DATA + DATA_PAGES * PAGE; at += 8) machine.setWord(at, choices.value());
  machine.hart.reset(RAM, 0n, 0n);
  machine.set({
    ...{ pmpaddr1: (1n << 54n) - 1n, pmpcfg0: 0x1f00n },
    ...{ pc: entry(0), privilege: 1, satp: satp(0), mscratch: deedAt(0) },
    ...{ mtvec: HANDLER, stvec: SUPERVISOR_HANDLER, mideleg: 2, mie: 0x82, mcounteren: 7 },
    mstatus: 0xa_0000_0000n | BigInt(STATUS.FS | STATUS.SIE),
    ...Object.fromEntries(BASES.map((at) => [`x${at}`, choices.pointer()])),
    ...Object.fromEntries(VALUES.map((at) => [`x${at}`, choices.value()])),
    ...Object.fromEntries(Array.from({ length: 32 }, (_, n) => [`f${n}`, choices.float()])),
  });
  const salt = choices.between(0, 1 << 20);
  machine.onAccess = ({ steps, value }) => {
    // The same on every machine: what a device does depends on the step only.
    const device = new Seeded(salt + steps);
    if (value !== undefined) machine.hart.setInterrupt(TIMER, false);
    if (device.once(60)) machine.hart.requestStop();
    if (device.once(8)) {
      const at = FUNCTIONS + 2 * device.between(0, FUNCTION_COUNT * PAGE);
      machine.memory.write(at, new Uint8Array(4).map(() => device.between(0, 255)));
    }
    if (device.once(8)) machine.hart.setInterrupt(TIMER, true);
  };
  machine.hart.startEpoch();
}

function loadTables(machine: TestMachine, space: number, choices: Choices): void {
  const [root, ofRam, ofLow, leavesOfRam, leavesAnyhow, leavesForUser] = [0, 1, 2, 3, 4, 5]
    .map((n) => table(space, n)) as [number, number, number, number, number, number];
  machine.setWord(root, pageTable(0, ALL));
  machine.setWord(root + 8, pageTable(ofLow, V));
  machine.setWord(root + 16, pageTable(ofRam, V));
  machine.setWord(ofRam, pageTable(leavesOfRam, V));
  machine.setWord(ofLow, pageTable(leavesAnyhow, V));
  machine.setWord(ofLow + 8, pageTable(leavesForUser, V));
  machine.setWord(ofLow + 16, pageTable(RAM, ALL | choices.pick([U, 0])));
  for (let page = 0; page < RAM_PAGES; page++) {
    machine.setWord(leavesOfRam + 8 * page, pageTable(RAM + page * PAGE, ALL));
    machine.setWord(leavesForUser + 8 * page, pageTable(RAM + page * PAGE, ALL | U));
  }
  for (let page = 0; page < ANYHOW_PAGES; page++) {
    machine.setWord(leavesAnyhow + 8 * page, pageTable(choices.anyPage(), choices.flags()));
  }
}
