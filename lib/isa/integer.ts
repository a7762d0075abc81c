/** RV64I, the base integer instructions, with Zifencei (unprivileged specification, chapters 2, 3, 5). */
import { type Code, i32, i64 } from "../wasm/code.ts";
import type { Emission, Width } from "./emission.ts";
import { byFunct3, byFunct7, byOpcode, type Instruction, OPCODE } from "./instruction.ts";

type Operation = (a: Code, b: Code) => Code;

const address = (i: Emission) => i64.add(i.rs1, i.imm);
const shiftAmount32 = (amount: Code) => i32.and(i32.wrap(amount), i32.const(31));
const flag = (condition: Code) => i64.extend_u(condition);

const add: Operation = i64.add;
const subtract: Operation = i64.sub;
const setLess: Operation = (a, b) => flag(i64.lt_s(a, b));
const setLessUnsigned: Operation = (a, b) => flag(i64.lt_u(a, b));
const addWord: Operation = (a, b) => i64.extend_s(i32.add(i32.wrap(a), i32.wrap(b)));
const subtractWord: Operation = (a, b) => i64.extend_s(i32.sub(i32.wrap(a), i32.wrap(b)));
const shiftLeftWord: Operation = (a, b) => i64.extend_s(i32.shl(i32.wrap(a), shiftAmount32(b)));
const shiftRightWord: Operation = (a, b) => i64.extend_s(i32.shr_u(i32.wrap(a), shiftAmount32(b)));
const shiftRightArithmeticWord: Operation = (a, b) =>
  i64.extend_s(i32.shr_s(i32.wrap(a), shiftAmount32(b)));

// WebAssembly takes shift amounts modulo 64, as RV64 does.
function registers(name: string, opcode: number, funct3: number, funct7: number, of: Operation) {
  return {
    name,
    ...byFunct7(opcode, funct3, funct7),
    format: "R",
    operands: "rd,rs1,rs2",
    meaning: (i: Emission) => i.rd(of(i.rs1, i.rs2)),
  } satisfies Instruction;
}

function withImmediate(name: string, opcode: number, funct3: number, of: Operation) {
  return {
    name,
    ...byFunct3(opcode, funct3),
    format: "I",
    operands: "rd,rs1,imm",
    meaning: (i: Emission) => i.rd(of(i.rs1, i.imm)),
  } satisfies Instruction;
}

function shift(name: string, opcode: number, funct3: number, funct7: number, of: Operation) {
  const word = opcode === OPCODE.opImm32;
  return {
    name,
    // RV64 shift amounts have six bits, of which the sixth lies in funct7.
    mask: word ? 0xfe00707f : 0xfc00707f,
    match: byFunct7(opcode, funct3, funct7).match,
    format: "shift",
    operands: "rd,rs1,shift",
    meaning: (i: Emission) => i.rd(of(i.rs1, i.imm)),
  } satisfies Instruction;
}

function load(name: string, funct3: number, width: Width, extend: "signed" | "unsigned") {
  return {
    name,
    ...byFunct3(OPCODE.load, funct3),
    format: "I",
    operands: "rd,imm(rs1)",
    meaning: (i: Emission) => i.rd(i.load(address(i), width, extend)),
  } satisfies Instruction;
}

function store(name: string, funct3: number, width: Width) {
  return {
    name,
    ...byFunct3(OPCODE.store, funct3),
    format: "S",
    operands: "rs2,imm(rs1)",
    meaning: (i: Emission) => i.store(address(i), width, i.rs2),
  } satisfies Instruction;
}

function branch(name: string, funct3: number, taken: Operation) {
  return {
    name,
    ...byFunct3(OPCODE.branch, funct3),
    format: "B",
    operands: "rs1,rs2,target",
    meaning: (i: Emission) => i.branch(taken(i.rs1, i.rs2)),
  } satisfies Instruction;
}

/** RV64I and Zifencei. */
export const integer: readonly Instruction[] = [
  {
    name: "lui",
    ...byOpcode(OPCODE.lui),
    format: "U",
    operands: "rd,upper",
    meaning: (i) => i.rd(i.imm),
  },
  {
    name: "auipc",
    ...byOpcode(OPCODE.auipc),
    format: "U",
    operands: "rd,upper",
    meaning: (i) => i.rd(i64.add(i.pc, i.imm)),
  },
  {
    name: "jal",
    ...byOpcode(OPCODE.jal),
    format: "J",
    operands: "rd,target",
    meaning: (i) => {
      i.rd(i.link);
      i.jump();
    },
  },
  {
    name: "jalr",
    ...byFunct3(OPCODE.jalr, 0),
    format: "I",
    operands: "rd,imm(rs1)",
    meaning: (i) => {
      const target = i.keep(i64.and(address(i), i64.const(-2)));
      i.rd(i.link);
      i.jumpTo(target);
    },
  },
  branch("beq", 0, i64.eq),
  branch("bne", 1, i64.ne),
  branch("blt", 4, i64.lt_s),
  branch("bge", 5, i64.ge_s),
  branch("bltu", 6, i64.lt_u),
  branch("bgeu", 7, i64.ge_u),
  load("lb", 0, 1, "signed"),
  load("lh", 1, 2, "signed"),
  load("lw", 2, 4, "signed"),
  load("ld", 3, 8, "signed"),
  load("lbu", 4, 1, "unsigned"),
  load("lhu", 5, 2, "unsigned"),
  load("lwu", 6, 4, "unsigned"),
  store("sb", 0, 1),
  store("sh", 1, 2),
  store("sw", 2, 4),
  store("sd", 3, 8),
  withImmediate("addi", OPCODE.opImm, 0, add),
  withImmediate("slti", OPCODE.opImm, 2, setLess),
  withImmediate("sltiu", OPCODE.opImm, 3, setLessUnsigned),
  withImmediate("xori", OPCODE.opImm, 4, i64.xor),
  withImmediate("ori", OPCODE.opImm, 6, i64.or),
  withImmediate("andi", OPCODE.opImm, 7, i64.and),
  shift("slli", OPCODE.opImm, 1, 0x00, i64.shl),
  shift("srli", OPCODE.opImm, 5, 0x00, i64.shr_u),
  shift("srai", OPCODE.opImm, 5, 0x20, i64.shr_s),
  registers("add", OPCODE.op, 0, 0x00, add),
  registers("sub", OPCODE.op, 0, 0x20, subtract),
  registers("sll", OPCODE.op, 1, 0x00, i64.shl),
  registers("slt", OPCODE.op, 2, 0x00, setLess),
  registers("sltu", OPCODE.op, 3, 0x00, setLessUnsigned),
  registers("xor", OPCODE.op, 4, 0x00, i64.xor),
  registers("srl", OPCODE.op, 5, 0x00, i64.shr_u),
  registers("sra", OPCODE.op, 5, 0x20, i64.shr_s),
  registers("or", OPCODE.op, 6, 0x00, i64.or),
  registers("and", OPCODE.op, 7, 0x00, i64.and),
  withImmediate("addiw", OPCODE.opImm32, 0, addWord),
  shift("slliw", OPCODE.opImm32, 1, 0x00, shiftLeftWord),
  shift("srliw", OPCODE.opImm32, 5, 0x00, shiftRightWord),
  shift("sraiw", OPCODE.opImm32, 5, 0x20, shiftRightArithmeticWord),
  registers("addw", OPCODE.op32, 0, 0x00, addWord),
  registers("subw", OPCODE.op32, 0, 0x20, subtractWord),
  registers("sllw", OPCODE.op32, 1, 0x00, shiftLeftWord),
  registers("srlw", OPCODE.op32, 5, 0x00, shiftRightWord),
  registers("sraw", OPCODE.op32, 5, 0x20, shiftRightArithmeticWord),
  // One hart, in order, and caches that are always coherent: there is nothing to wait for.
  {
    name: "fence",
    ...byFunct3(OPCODE.miscMem, 0),
    format: "I",
    operands: "predecessor,successor",
    meaning: () => {},
  },
  {
    name: "fence.i",
    ...byFunct3(OPCODE.miscMem, 1),
    format: "I",
    operands: "",
    meaning: () => {},
  },
];
