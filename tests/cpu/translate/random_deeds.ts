/** What the handler of random guests does: something about memory, protection or CSRs; then it goes on somewhere. */
import { encode } from "../assembly.ts";
import { DEVICE, RAM } from "../test_machine.ts";
import type { Choices } from "./random_choices.ts";
import { Halves, type RandomFunctions } from "./random_functions.ts";
import {
  ALL,
  ANYHOW_PAGES,
  BASES,
  CSR,
  DEED_WORDS,
  deedAt,
  entry,
  FOR_USER,
  FUNCTION_COUNT,
  FUNCTION_STRIDE,
  FUNCTIONS,
  H,
  MEGAPAGE,
  PAGE,
  pageTable,
  splitAt,
  STATUS,
  table,
  U,
  V,
  X,
} from "./random_guest_layout.ts";

/** What the handler does this time, before it goes on. */
export function deed(n: number, choices: Choices, functions: RandomFunctions): number[] {
  const [, a, b, c] = H;
  const words = [
    encode("lui", { rd: a, imm: STATUS.MPRV }),
    encode("csrrc", { csr: CSR.mstatus, rs1: a }),
    encode("lui", { rd: a, imm: DEVICE }),
    encode("sw", { rs1: a }),
  ];
  const here = () => deedAt(n) + 4 * words.length;
  /** A number of 32 bits, sign-extended. */
  const set = (rd: number, value: number) => {
    const [upper, lower] = splitAt(value | 0);
    words.push(encode("lui", { rd, imm: upper }), encode("addiw", { rd, rs1: rd, imm: lower }));
  };
  /** An address of RAM. */
  const setAddress = (rd: number, address: number) => {
    const [upper, lower] = splitAt(address - here());
    words.push(encode("auipc", { rd, imm: upper }), encode("addi", { rd, rs1: rd, imm: lower }));
  };
  const put = (csr: number, rs1: number) => words.push(encode("csrrw", { csr, rs1 }));
  const deeds = [
    () => {
      const address = table(choices.between(0, 1), 4) +
        8 * choices.between(0, ANYHOW_PAGES - 1);
      setAddress(a, address);
      set(b, Number(pageTable(choices.anyPage(), choices.flags())));
      words.push(encode("sd", { rs1: a, rs2: b }));
    },
    () => {
      const page = choices.between(0, 2 * FUNCTION_COUNT - 1);
      const [leaves, user] = choices.pick([[3, 0], [5, U]] as const);
      setAddress(a, table(choices.between(0, 1), leaves) + 8 * (0x10 + page));
      const other = choices.once(3) ? choices.between(0, 2 * FUNCTION_COUNT - 1) : page;
      set(
        b,
        Number(pageTable(FUNCTIONS + other * PAGE, choices.pick([ALL, ALL & ~X, V | X]) | user)),
      );
      words.push(encode("sd", { rs1: a, rs2: b }));
    },
    () => {
      const root = table(choices.between(0, 1), 0) / PAGE;
      words.push(
        encode("addi", { rd: a, imm: choices.once(8) ? 0 : 8 }),
        encode("slli", { rd: a, rs1: a, imm: 60 }),
      );
      set(b, root);
      words.push(encode("add", { rd: a, rs1: a, rs2: b }));
      put(CSR.satp, a);
    },
    () => {
      set(a, (choices.anyPage() / 4) | choices.pick([0x1ff, 0x3f, 0x0, 0x7ff]));
      words.push(
        encode("slli", { rd: a, rs1: a, imm: 32 }),
        encode("srli", { rd: a, rs1: a, imm: 32 }),
      );
      put(CSR.pmpaddr0, a);
      set(b, 0x1f00 | choices.pick([0, 0, 0x19, 0x1b, 0x1f, 0x1d, 0x18, 0x0f, 0x17]));
      put(CSR.pmpcfg0, b);
    },
    () =>
      words.push(encode("csrrwi", { csr: CSR.frm, imm: choices.pick([0, 0, 0, 1, 2, 3, 4, 5]) })),
    () => words.push(encode("csrrwi", { csr: CSR.fflags, imm: choices.pick([0, 1, 1]) })),
    () => words.push(encode("csrrwi", { csr: CSR.mcountinhibit, imm: choices.pick([0, 1, 4, 5]) })),
    () => words.push(encode("csrrsi", { csr: CSR.mip, imm: 2 })),
    () => {
      const at = FUNCTIONS + choices.between(0, FUNCTION_COUNT - 1) * FUNCTION_STRIDE;
      setAddress(a, at + 0xe00 + 2 * choices.between(0, 0x200));
      const inner = new Halves();
      functions.one(inner);
      set(b, inner.all[0]! | (inner.all[1] ?? 1) << 16);
      words.push(encode("sw", { rs1: a, rs2: b }));
    },
    () => {
      set(
        a,
        choices.pick([
          STATUS.SUM,
          STATUS.MXR,
          STATUS.SUM | STATUS.MXR,
          STATUS.FS,
          STATUS.TSR,
          STATUS.SUM,
        ]),
      );
      words.push(
        encode(choices.pick(["csrrs", "csrrs", "csrrs", "csrrc"]), { csr: CSR.mstatus, rs1: a }),
      );
    },
    // Floating point is on and clean, so that what it does makes it dirty.
    () => {
      set(a, STATUS.FS);
      words.push(encode("csrrc", { csr: CSR.mstatus, rs1: a }));
      set(a, 0x2000);
      words.push(encode("csrrs", { csr: CSR.mstatus, rs1: a }));
    },
    () => {
      const [base, pointer] = [choices.pick(BASES), choices.pointer()];
      if (pointer >= RAM) setAddress(base, pointer);
      else set(base, pointer);
    },
  ];
  choices.pick(deeds)();
  choices.pick(deeds)();
  setAddress(a, deedAt(n + 1));
  put(CSR.mscratch, a);
  if (choices.once(2)) {
    words.push(encode("csrrs", { rd: a, csr: CSR.mepc }));
    words.push(
      encode("addi", { rd: a, rs1: a, imm: choices.pick([4, 4, 4, 2]) }),
      encode("csrrw", { csr: CSR.mepc, rs1: a }),
    );
  } else {
    const privilege = choices.pick([0, 0, 1, 1, 1, 3]);
    const to = entry(choices.between(0, FUNCTION_COUNT - 1));
    if (privilege === 0) set(b, choices.pick([FOR_USER, FOR_USER, MEGAPAGE]) + to - RAM);
    else setAddress(b, to);
    put(CSR.mepc, b);
    set(c, STATUS.MPP);
    words.push(encode("csrrc", { csr: CSR.mstatus, rs1: c }));
    set(c, privilege << 11 | choices.pick([0, STATUS.MPIE, STATUS.MPRV, 0]));
    words.push(encode("csrrs", { csr: CSR.mstatus, rs1: c }));
    words.push(encode("addi", { rd: 1, rs1: b }));
  }
  words.push(encode("mret"));
  if (words.length > DEED_WORDS) throw new Error(`A deed has ${words.length} instructions`);
  return words;
}
