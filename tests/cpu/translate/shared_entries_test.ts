/** Entries of the micro-TLB that regions share: what a load has put there must not serve a store. */
import { encode } from "../assembly.ts";
import { RAM } from "../test_machine.ts";
import { compareSlices, onBothEngines, translating } from "./on_both_engines.ts";

const PAGE = 4096;
const DATA = RAM + 0x8000;

/** A loop at the start of its page that does one access, twenty times; then on to the other page's. */
const loop = (access: number, to: number) => [
  encode("addi", { rd: 5, rs1: 0, imm: 20 }),
  access,
  encode("addi", { rd: 5, rs1: 5, imm: -1 }),
  encode("bne", { rs1: 5, rs2: 0, imm: -8 }),
  encode("jal", { imm: to - 16 }),
];

Deno.test("a store finds no page that a load of another region has found", () => {
  translating(() => {
    const machines = onBothEngines((machine) => {
      machine.load(RAM, ...loop(encode("ld", { rd: 11, rs1: 10 }), PAGE));
      machine.load(RAM + PAGE, ...loop(encode("sd", { rs1: 10, rs2: 5 }), -PAGE));
      machine.hart.reset(RAM, 0n, 0n);
      machine.set({ x10: DATA });
    });
    for (let epoch = 0; epoch < 20; epoch++) {
      compareSlices(machines, [93, 31], `epoch ${epoch}`);
      for (const { hart } of machines) hart.startEpoch();
    }
  });
});
